//! `#[case(…)]`: turns a documented async function into an entry of `hil_kit::CASES`.
//!
//! Must not: know of anything beyond the names `hil_kit` exports.

use proc_macro::TokenStream;

mod arguments;
mod expand;

/// Registers a case.
///
/// ```text
/// /// The end of the stream is reported once all data has been read.
/// ///
/// /// Steps and reasons follow after the first paragraph.
/// #[case(level = Must, cite = ["tcp.recv.end", "STR-01"], needs = [Tcp], profile = Quick)]
/// async fn end_of_stream(cx: &mut Ctx) -> Outcome { … }
/// ```
///
/// Keys: `level` (`Must`, `Should`, `May`) and `cite` are mandatory; `needs` (capabilities by name, lan
/// properties by name, `Option(number)`), `profile` (`Quick`, `Full` (default), `Soak`), `tags`, and
/// `deadline_ms` are not. The first paragraph of the doc comment is the requirement and so the title.
#[proc_macro_attribute]
pub fn case(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::case(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
