//! What the spelling of a field's type tells. Everything else is left to the traits, which know aliases too.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// The field types of relations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapper {
    BelongsTo,
    HasMany,
    HasOne,
    ManyToMany,
}

impl Wrapper {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Wrapper::BelongsTo => "BelongsTo",
            Wrapper::HasMany => "HasMany",
            Wrapper::HasOne => "HasOne",
            Wrapper::ManyToMany => "ManyToMany",
        }
    }
}

/// The relation that a type is a field of, with what is in its brackets.
pub(super) fn wrapper(ty: &Type) -> Option<(Wrapper, &Type)> {
    [Wrapper::BelongsTo, Wrapper::HasMany, Wrapper::HasOne, Wrapper::ManyToMany]
        .into_iter()
        .find_map(|wrapper| argument(ty, wrapper.name()).map(|target| (wrapper, target)))
}

/// `T` of `name<T>`, whatever path leads to `name`.
pub(crate) fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) if segment.ident == name && arguments.args.len() == 1 => {
            Some(inner)
        }
        _ => None,
    }
}

/// The last name of a type's path: `User` of `crate::User`.
pub(super) fn last_name(ty: &Type) -> Option<&Ident> {
    last_segment(ty).map(|segment| &segment.ident)
}

/// What a field's type is known to be by its name alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Integer,
    /// `f32` or `f64`.
    Float,
    /// A column type that is no integer.
    Other,
    /// No column type, with the advice what to write.
    Unsupported(&'static str),
    /// `Option`.
    Optional,
    /// Only the compiler knows.
    Unknown,
}

/// Looks at the name of a type.
pub(super) fn known(ty: &Type) -> Known {
    if matches!(peel(ty), Type::Reference(_)) {
        return Known::Unsupported(
            "a column owns its value: write `String` for `&str`, `Vec<u8>` for `&[u8]`",
        );
    }
    let Some(segment) = last_segment(ty) else { return Known::Unknown };
    match segment.ident.to_string().as_str() {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => Known::Integer,
        "f32" | "f64" => Known::Float,
        "bool" | "String" | "Vec" | "Json" => Known::Other,
        "Option" => Known::Optional,
        "usize" | "isize" => {
            Known::Unsupported("its width depends on the machine, a column's does not: write `i64` or `u64`")
        }
        "u128" | "i128" => {
            Known::Unsupported("databases have no 128-bit integer: write `i64`, `String` or `Vec<u8>`")
        }
        "char" => Known::Unsupported("databases have no single character: write `String`"),
        _ => Known::Unknown,
    }
}

/// The tokens of a type or path with `Self` replaced by the struct's name: they are used inside items of their own,
/// where `Self` means nothing.
pub(super) fn without_self(tokens: impl ToTokens, entity: &Ident) -> TokenStream {
    let replace = |token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            let mut named = entity.clone();
            named.set_span(ident.span());
            TokenTree::Ident(named)
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), without_self(group.stream(), entity));
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        other => other,
    };
    tokens.into_token_stream().into_iter().map(replace).collect()
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The type inside parentheses, and inside the invisible ones that a `macro_rules!` fragment gets.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}
