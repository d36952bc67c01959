//! Options in an attribute's parentheses: a table of names says how each is read, and each becomes a method call.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitBool, LitStr, Result, Token, parenthesized};

use crate::span;

/// How the value of an option is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `key = value`: any expression.
    Value,
    /// The same, once or several times.
    Values,
    /// `key` or `key = true`: a value.
    Flag,
    /// `key` or `key = true`: a call without a value, or none at all.
    Switch,
    /// `key = "1h30m"`, or an expression of type `std::time::Duration`.
    Duration,
    /// `key = "all_done"`: one of these names, or an expression of this type.
    Variant(&'static str, &'static [&'static str]),
    /// `key("a", "b")`: texts, which are handed over together.
    Texts,
    /// `key("a", "b")`: texts out of these names.
    Names(&'static [&'static str]),
    /// `key(a, b)`: expressions, each of which is handed to the method of this name.
    Each(&'static str),
    /// `uses(variables("a", "b_*"), connections("x"))`.
    Uses,
}

/// The options that an attribute takes.
pub(crate) type Table = [(&'static str, Kind)];

/// The method calls that the options of an attribute become.
#[derive(Default)]
pub(crate) struct Calls {
    tokens: TokenStream,
    seen: Vec<String>,
}

impl ToTokens for Calls {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

impl Calls {
    /// Whether the option was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.seen.iter().any(|seen| seen == name)
    }

    /// Adds a method call.
    pub(crate) fn push(&mut self, call: TokenStream) {
        self.tokens.extend(call);
    }

    /// Reads one option by a table. `others` are names that the caller reads itself.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>, table: &Table, others: &[&str]) -> Result<()> {
        let name = name(meta);
        let Some((_, kind)) = table.iter().find(|(known, _)| *known == name) else {
            return Err(meta.error(unknown(&name, table.iter().map(|(known, _)| *known).chain(others.iter().copied()))));
        };
        if !matches!(kind, Kind::Values | Kind::Each(_) | Kind::Uses) {
            self.once(meta)?;
        }
        let call = kind.call(&name, meta)?;
        self.push(call);
        Ok(())
    }

    /// Refuses an option that was given already.
    pub(crate) fn once(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = name(meta);
        if self.has(&name) {
            return Err(meta.error(format_args!("`{name}` is given twice")));
        }
        self.seen.push(name);
        Ok(())
    }
}

/// The option's name as it was written.
pub(crate) fn name(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

impl Kind {
    fn call(self, name: &str, meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
        let method = format_ident!("{name}");
        let value = match self {
            Self::Value | Self::Values => value(meta)?.into_token_stream(),
            Self::Flag => flag(meta)?.into_token_stream(),
            Self::Switch => return Ok(if flag(meta)?.value { quote!(.#method()) } else { TokenStream::new() }),
            Self::Duration => duration(meta)?,
            Self::Variant(kind, names) => variant(meta, kind, names)?,
            Self::Texts => list(&texts(meta)?),
            Self::Names(names) => {
                let given = texts(meta)?;
                given.iter().try_for_each(|text| one_of(text, names))?;
                list(&given)
            }
            Self::Each(method) => {
                let method = format_ident!("{method}");
                let values = expressions(meta)?;
                return Ok(quote!(#(.#method(#values))*));
            }
            Self::Uses => return uses(meta),
        };
        Ok(quote!(.#method(#value)))
    }
}

fn list(texts: &[LitStr]) -> TokenStream {
    quote!([#(#texts),*])
}

/// `key = expression`.
pub(crate) fn value(meta: &ParseNestedMeta<'_>) -> Result<Expr> {
    meta.value()?.parse()
}

/// A text: `key = "text"`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    meta.value()?.parse()
}

/// The text that an expression is, if it is no more than that.
fn as_text(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// `key`, or `key = true`.
pub(crate) fn flag(meta: &ParseNestedMeta<'_>) -> Result<LitBool> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse();
    }
    Ok(LitBool::new(true, proc_macro2::Span::call_site()))
}

fn expressions(meta: &ParseNestedMeta<'_>) -> Result<Vec<Expr>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

fn texts(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let content;
    parenthesized!(content in meta.input);
    Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

/// A duration: `key = "1h30m"`, as an expression of type `std::time::Duration`.
pub(crate) fn duration(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let value = value(meta)?;
    let Some(literal) = as_text(&value) else { return Ok(value.into_token_stream()) };
    let millis = span::millis(&literal.value()).map_err(|why| Error::new(literal.span(), why))?;
    Ok(quote!(::core::time::Duration::from_millis(#millis)))
}

fn variant(meta: &ParseNestedMeta<'_>, kind: &str, names: &[&str]) -> Result<TokenStream> {
    let value = value(meta)?;
    let Some(literal) = as_text(&value) else { return Ok(value.into_token_stream()) };
    one_of(literal, names)?;
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let variant = format_ident!("{}", literal.value().split('_').map(capital).collect::<String>());
    let kind = format_ident!("{kind}");
    Ok(quote!(::flow_sdk::#kind::#variant))
}

/// Refuses a text that is none of `names`.
pub(crate) fn one_of(text: &LitStr, names: &[&str]) -> Result<()> {
    if names.contains(&text.value().as_str()) {
        return Ok(());
    }
    let names = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    Err(Error::new(text.span(), format_args!("expected one of {names}")))
}

/// `uses(variables("a", "b_*"), connections("x"), dags("y"))`, as method calls on a task's or a DAG's builder.
fn uses(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    const KINDS: [&str; 5] = ["variables", "connections", "dags", "assets", "origins"];
    let mut calls = TokenStream::new();
    meta.parse_nested_meta(|kind| {
        let name = name(&kind);
        if !KINDS.contains(&name.as_str()) {
            return Err(kind.error(unknown(&name, KINDS)));
        }
        let method = format_ident!("uses_{name}");
        let names = texts(&kind)?;
        calls.extend(quote!(.#method([#(#names),*])));
        Ok(())
    })?;
    Ok(calls)
}

/// What to say of a name that is not among those that are known.
fn unknown<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    let nearest = known.iter().map(|one| (distance(name, one), *one)).min();
    if let Some((distance, nearest)) = nearest
        && distance <= name.len() / 3
    {
        return format!("there is no option `{name}`; did you mean `{nearest}`?");
    }
    known.sort_unstable();
    format!("there is no option `{name}`; expected one of: {}", known.join(", "))
}

/// How many letters must be put in, left out or replaced to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn a_slip_of_the_pen_is_put_right() {
        let known = ["retries", "retry_delay", "pool"];
        assert_eq!(unknown("retires", known), "there is no option `retires`; did you mean `retries`?");
        assert_eq!(unknown("retrydelay", known), "there is no option `retrydelay`; did you mean `retry_delay`?");
        assert_eq!(unknown("queue", known), "there is no option `queue`; expected one of: pool, retries, retry_delay");
    }
}
