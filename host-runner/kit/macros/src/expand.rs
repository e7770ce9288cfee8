//! From the documented function to the registered case.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Expr, ExprLit, ItemFn, Lit, Meta, Result, parse2};

use crate::arguments::Arguments;

/// Expands one `#[case(…)]`.
pub(crate) fn case(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = parse2(item).map_err(|error| {
        Error::new(
            error.span(),
            "#[case] stands on a function: async fn name(cx: &mut Ctx) -> Outcome",
        )
    })?;
    let Arguments {
        level,
        cite,
        needs,
        profile,
        tags,
        deadline_ms,
    } = parse2(arguments)?;
    if function.sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            function.sig.fn_token,
            "a case is an async fn",
        ));
    }
    if function.sig.inputs.len() != 1 {
        return Err(Error::new_spanned(
            &function.sig,
            "a case takes one argument: cx: &mut Ctx",
        ));
    }
    let name = &function.sig.ident;
    let (title, text) = title_and_text(&function.attrs);
    if title.is_empty() {
        return Err(Error::new(
            name.span(),
            "a case needs a doc comment; its first paragraph is the requirement, as one sentence",
        ));
    }
    let spoken = name.to_string();
    Ok(quote! {
        #function

        const _: () = {
            fn run<'a>(
                cx: &'a mut ::hil_kit::Ctx,
            ) -> ::core::pin::Pin<
                ::std::boxed::Box<
                    dyn ::core::future::Future<Output = ::hil_kit::Outcome> + ::core::marker::Send + 'a,
                >,
            > {
                ::std::boxed::Box::pin(#name(cx))
            }

            #[::hil_kit::linkme::distributed_slice(::hil_kit::CASES)]
            #[linkme(crate = ::hil_kit::linkme)]
            static CASE: ::hil_kit::Case = ::hil_kit::Case {
                module: ::core::module_path!(),
                function: #spoken,
                title: #title,
                text: #text,
                level: ::hil_kit::Level::#level,
                cites: &[#(#cite),*],
                needs: &[#(#needs),*],
                profile: ::hil_kit::Profile::#profile,
                tags: &[#(#tags),*],
                deadline_ms: #deadline_ms,
                file: ::core::file!(),
                line: ::core::line!(),
                run,
            };
        };
    })
}

/// The doc comment as its first paragraph on one line, and the rest as it is.
fn title_and_text(attributes: &[Attribute]) -> (String, String) {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    let mut lines = lines
        .iter()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    let title = lines
        .by_ref()
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let text = lines.collect::<Vec<_>>().join("\n");
    (title.trim().into(), text.trim().into())
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    if !pair.path.is_ident("doc") {
        return None;
    }
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// The expansion, or what the compiler would say.
#[cfg(test)]
fn message(arguments: &str, item: &str) -> String {
    let parse = |text: &str| text.parse::<TokenStream>().expect("the test's own tokens");
    case(parse(arguments), parse(item))
        .map_or_else(|error| error.to_string(), |tokens| tokens.to_string())
}

#[cfg(test)]
mod tests {
    use super::{message, title_and_text};

    const GOOD: &str = "level = Must, cite = [\"SRV-01\", \"tcp.accept.basic\"]";
    const FUNCTION: &str = "/// Accept yields\n/// the connection.\n///\n/// Steps.\nasync fn basic(cx: &mut Ctx) -> Outcome { Ok(()) }";

    #[test]
    fn a_good_case_is_registered_with_all_it_says() {
        let out = message(
            "level = Should, cite = [\"tcp.a\"], needs = [Tcp, HonestTcp, Option(1)], profile = Quick, \
             tags = [\"wave-1\"], deadline_ms = 900,",
            FUNCTION,
        );
        for part in [
            "title : \"Accept yields the connection.\"",
            "text : \"Steps.\"",
            "function : \"basic\"",
            "Level :: Should",
            "Need :: Capability (:: hil_kit :: Capability :: Tcp)",
            ":: hil_kit :: Need :: HonestTcp",
            ":: hil_kit :: Need :: Option (1)",
            "Profile :: Quick",
            "\"wave-1\"",
            "deadline_ms : 900u64",
        ] {
            assert!(out.contains(part), "{part} is missing in {out}");
        }
    }

    #[test]
    fn the_deadline_follows_the_profile() {
        assert!(message(GOOD, FUNCTION).contains("deadline_ms : 15000u64"));
        assert!(
            message(&format!("{GOOD}, profile = Soak"), FUNCTION)
                .contains("deadline_ms : 120000u64")
        );
    }

    #[test]
    fn every_mistake_gets_a_message_that_says_what_is_right() {
        let table = [
            ("cite = [\"tcp.a\"]", FUNCTION, "a case needs level"),
            ("level = Must", FUNCTION, "a case needs cite"),
            (
                "level = Must, cite = [\"SRV-01\"]",
                FUNCTION,
                "the id of a requirement",
            ),
            (
                "level = Must, cite = []",
                FUNCTION,
                "the id of a requirement",
            ),
            (
                "level = Might, cite = [\"tcp.a\"]",
                FUNCTION,
                "`Might` is not one of Must, Should, May",
            ),
            (
                "level = Must, level = May, cite = [\"tcp.a\"]",
                FUNCTION,
                "given twice",
            ),
            (
                "level = Must, cites = [\"tcp.a\"]",
                FUNCTION,
                "unknown key `cites`",
            ),
            (
                "level = Must, cite = [\"tcp.a\"], needs = [\"Tcp\"]",
                FUNCTION,
                "a need is the name",
            ),
            (
                "level = Must, cite = [\"tcp.a\"], needs = [Opt(1)]",
                FUNCTION,
                "a need is the name",
            ),
            (
                "level = Must, cite = [\"tcp.a\"], profile = Fast",
                FUNCTION,
                "`Fast` is not one of",
            ),
            (
                GOOD,
                "async fn basic(cx: &mut Ctx) -> Outcome { Ok(()) }",
                "needs a doc comment",
            ),
            (
                GOOD,
                "/// T.\nfn basic(cx: &mut Ctx) -> Outcome { Ok(()) }",
                "async fn",
            ),
            (
                GOOD,
                "/// T.\nasync fn basic() -> Outcome { Ok(()) }",
                "one argument",
            ),
            (GOOD, "struct Basic;", "stands on a function"),
        ];
        for (arguments, item, part) in table {
            let out = message(arguments, item);
            assert!(out.contains(part), "{arguments}: {out}");
        }
    }

    #[test]
    fn title_ends_at_the_first_empty_line() {
        let function: syn::ItemFn =
            syn::parse_str("/// One\n/// two.\n///\n/// Three.\n///\n/// Four.\nfn f() {}")
                .expect("parses");
        assert_eq!(
            title_and_text(&function.attrs),
            ("One two.".into(), "Three.\n\nFour.".into())
        );
    }
}
