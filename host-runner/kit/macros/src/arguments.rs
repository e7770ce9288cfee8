//! What stands between the parentheses of `#[case(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprCall, ExprPath, Ident, LitInt, LitStr, Result, Token, bracketed};

/// Needs that are properties of the lan; every other name is a capability of the port.
const LAN_NEEDS: [&str; 6] = [
    "SecondHostAddress",
    "HonestTcp",
    "BlackHole",
    "SourcePorts",
    "HostIpv6",
    "Cable",
];

/// The arguments, checked.
pub(crate) struct Arguments {
    pub(crate) level: Ident,
    pub(crate) cite: Vec<LitStr>,
    pub(crate) needs: Vec<TokenStream>,
    pub(crate) profile: Ident,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) deadline_ms: u64,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut level, mut cite, mut needs, mut profile, mut tags, mut deadline) =
            (None, None, None, None, None, None);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "level" => once(&key, &mut level, one_of(input, &["Must", "Should", "May"])?)?,
                "cite" => once(&key, &mut cite, strings(input)?)?,
                "needs" => once(&key, &mut needs, parse_needs(input)?)?,
                "profile" => once(
                    &key,
                    &mut profile,
                    one_of(input, &["Quick", "Full", "Soak"])?,
                )?,
                "tags" => once(&key, &mut tags, strings(input)?)?,
                "deadline_ms" => once(
                    &key,
                    &mut deadline,
                    input.parse::<LitInt>()?.base10_parse()?,
                )?,
                other => {
                    return Err(Error::new(
                        key.span(),
                        format!(
                            "unknown key `{other}`; known are level, cite, needs, profile, tags, deadline_ms"
                        ),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let level = level.ok_or_else(|| missing("level = Must, Should or May"))?;
        let cite = cite.ok_or_else(|| missing("cite = [\"requirement.id\", \"CATALOGUE-ID\"]"))?;
        if !cite.iter().any(|id| is_requirement(&id.value())) {
            return Err(Error::new(
                cite.first().map_or_else(Span::call_site, LitStr::span),
                "cite needs the id of a requirement, lower case with dots, such as \"tcp.recv.end\"",
            ));
        }
        let profile = profile.unwrap_or_else(|| Ident::new("Full", Span::call_site()));
        let deadline_ms = deadline.unwrap_or_else(|| match profile.to_string().as_str() {
            "Quick" => 6_000,
            "Full" => 15_000,
            _ => 120_000,
        });
        Ok(Self {
            level,
            cite,
            needs: needs.unwrap_or_default(),
            profile,
            tags: tags.unwrap_or_default(),
            deadline_ms,
        })
    }
}

/// Whether a citation names a requirement (the rest are entries of catalogues).
fn is_requirement(id: &str) -> bool {
    id.contains('.')
        && !id
            .chars()
            .any(|c| c.is_ascii_uppercase() || c.is_whitespace())
}

fn missing(what: &str) -> Error {
    Error::new(Span::call_site(), format!("a case needs {what}"))
}

fn once<T>(key: &Ident, slot: &mut Option<T>, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    Ok(())
}

fn one_of(input: ParseStream<'_>, words: &[&str]) -> Result<Ident> {
    let word: Ident = input.parse()?;
    if words.iter().any(|known| word == known) {
        return Ok(word);
    }
    Err(Error::new(
        word.span(),
        format!("`{word}` is not one of {}", words.join(", ")),
    ))
}

fn strings(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let content;
    bracketed!(content in input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?
        .into_iter()
        .collect())
}

fn parse_needs(input: ParseStream<'_>) -> Result<Vec<TokenStream>> {
    let content;
    bracketed!(content in input);
    Punctuated::<Expr, Token![,]>::parse_terminated(&content)?
        .iter()
        .map(need)
        .collect()
}

/// One need as an expression of type `hil_kit::Need`.
fn need(expression: &Expr) -> Result<TokenStream> {
    const HELP: &str = "a need is the name of a capability (Tcp), of a property of the lan (HonestTcp), \
                        or Option(number)";
    match expression {
        Expr::Path(ExprPath { path, .. }) => {
            let name = path
                .get_ident()
                .ok_or_else(|| Error::new_spanned(path, HELP))?;
            Ok(if LAN_NEEDS.iter().any(|known| name == known) {
                quote!(::hil_kit::Need::#name)
            } else {
                let span = name.span();
                quote_spanned!(span=> ::hil_kit::Need::Capability(::hil_kit::Capability::#name))
            })
        }
        Expr::Call(ExprCall { func, args, .. }) => match (&**func, args.first()) {
            (Expr::Path(path), Some(number)) if path.path.is_ident("Option") && args.len() == 1 => {
                Ok(quote!(::hil_kit::Need::Option(#number)))
            }
            _ => Err(Error::new_spanned(expression, HELP)),
        },
        _ => Err(Error::new_spanned(expression, HELP)),
    }
}
