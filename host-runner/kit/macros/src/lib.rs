//! `#[case(…)]`: turns a documented async function into an entry of `hil_kit::CASES`.

use proc_macro::TokenStream;

/// Registers a case.
#[proc_macro_attribute]
pub fn case(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item
}
