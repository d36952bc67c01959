//! What every macro for functions reads of them: parameters, result and documentation.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, Pat, PatType, Path, Result, ReturnType, Type,
    Visibility,
};

/// The parameters of a function: perhaps what the host tells it first, by reference, then values that it owns.
pub(crate) struct Parameters {
    /// Whether it takes what the host tells.
    pub(crate) told: bool,
    pub(crate) names: Vec<Ident>,
    pub(crate) types: Vec<Type>,
}

/// What kind of function it is, for messages: `a task`, and the type that it may take by reference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    pub(crate) kind: &'static str,
    pub(crate) told: Option<&'static str>,
}

impl Parameters {
    pub(crate) fn of(function: &ItemFn, role: Role) -> Result<Self> {
        refuse_unsupported(function, role)?;
        let Role { kind, told } = role;
        let mut all = Self { told: false, names: Vec::new(), types: Vec::new() };
        for (position, input) in function.sig.inputs.iter().enumerate() {
            let FnArg::Typed(PatType { pat, ty, .. }) = input else {
                return Err(Error::new_spanned(input, format_args!("a {kind} is a plain function, without `self`")));
            };
            match (&**pat, &**ty) {
                (_, Type::Reference(to)) if position == 0 && told.is_some_and(|told| is_named(&to.elem, told)) => {
                    all.told = true;
                }
                (_, Type::Reference(_)) => {
                    let first = told.map(|told| format!("; only the first parameter may be a reference, `&{told}`"));
                    let why = format!("a {kind} owns its arguments{}", first.unwrap_or_default());
                    return Err(Error::new_spanned(ty, why));
                }
                (Pat::Ident(name), ty) => {
                    all.names.push(used(&name.ident));
                    all.types.push(ty.clone());
                }
                (pat, _) => {
                    return Err(Error::new_spanned(pat, format_args!("a {kind}'s parameter needs a plain name")));
                }
            }
        }
        Ok(all)
    }

    /// Their names as texts.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.names.iter().map(ToString::to_string).collect()
    }
}

fn refuse_unsupported(function: &ItemFn, Role { kind, .. }: Role) -> Result<()> {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        let why = format_args!("a {kind} cannot be async: the host runs it on a thread of its own");
        return Err(Error::new_spanned(word, why));
    }
    if !signature.generics.params.is_empty() {
        let why = format_args!("a {kind} cannot be generic: its values travel as JSON");
        return Err(Error::new_spanned(&signature.generics, why));
    }
    Ok(())
}

fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// `name` without the underscore that marks a parameter which the body leaves alone: the drawing function uses it.
fn used(name: &Ident) -> Ident {
    match name.to_string().strip_prefix('_') {
        Some(rest) if rest.starts_with(|c: char| c.is_alphabetic()) => Ident::new(rest, name.span()),
        _ => name.clone(),
    }
}

/// The type that a function gives when all is well, and the function of `flow_sdk::runtime` that makes a `Result` of what
/// it returns. A type whose name ends in `Result` is fallible.
pub(crate) fn returned(output: &ReturnType) -> (TokenStream, Ident) {
    let plain = format_ident!("plain");
    match output {
        ReturnType::Default => (quote!(()), plain),
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) if is_result(&path.path) => {
                (quote!(<#ty as ::flow_sdk::runtime::Fallible>::Value), format_ident!("fallible"))
            }
            ty => (quote!(#ty), plain),
        },
    }
}

fn is_result(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Result"))
}

/// What stays where the function was, while the function itself becomes `body` of a type of its name.
pub(crate) struct Head {
    pub(crate) docs: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) name: Ident,
    /// The name as it is written in texts.
    pub(crate) id: String,
}

impl Head {
    /// Takes the head off.
    pub(crate) fn of(function: &mut ItemFn) -> Self {
        let (docs, others) = function.attrs.drain(..).partition(|each| each.path().is_ident("doc"));
        function.attrs = others;
        let name = std::mem::replace(&mut function.sig.ident, format_ident!("body"));
        Self { docs, visibility: function.vis.clone(), id: plain(&name), name }
    }
}

/// The name of a function as it is written in texts.
pub(crate) fn plain(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

/// The text of doc comments, if there is any.
pub(crate) fn documentation(attributes: &[Attribute]) -> Option<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let text = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n");
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
