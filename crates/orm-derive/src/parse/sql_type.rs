//! `#[sql_type(..)]` on a struct around one value, `#[db_enum(..)]` on an enum and on a variant of one. What `#[db_enum(..)]` takes,
//! `#[sql_type(..)]` takes on an enum too.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Error, LitStr, Path, Result, Variant};

use super::attr::{self, Grammar};
use super::entity::support;
use crate::model::Name;
use crate::names::Case;

/// What an enum says of itself.
pub(crate) struct EnumOptions {
    pub(crate) support: TokenStream,
    /// The type in the database, where it is not text.
    pub(crate) name: Option<Name>,
    /// How the names of variants are written.
    pub(crate) case: Option<Case>,
    /// Where it says that numbers are stored, not names.
    pub(crate) integer: Option<Span>,
}

/// Which derive reads an enum: they differ in the name of their attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnumDerive {
    DbEnum,
    SqlType,
}

impl EnumDerive {
    fn attribute(self) -> &'static str {
        match self {
            Self::DbEnum => "db_enum",
            Self::SqlType => "sql_type",
        }
    }
}

/// The path of the facade, from the attribute of a struct.
pub(crate) fn newtype_support(input: &DeriveInput) -> Result<TokenStream> {
    let grammar = Grammar { attribute: "sql_type", options: &["crate"], repeatable: &[] };
    let mut facade = None;
    for attribute in own(&input.attrs, grammar.attribute) {
        grammar.read(attribute, |_, meta| {
            facade = Some(path(meta)?);
            Ok(())
        })?;
    }
    Ok(support(facade.as_ref()))
}

/// The attribute of an enum.
pub(crate) fn enum_options(input: &DeriveInput, derive: EnumDerive) -> Result<EnumOptions> {
    let options = &["name", "rename_all", "integer", "crate"];
    let grammar = Grammar { attribute: derive.attribute(), options, repeatable: &[] };
    let (mut facade, mut name, mut case, mut integer) = (None, None, None, None);
    for attribute in own(&input.attrs, grammar.attribute) {
        grammar.read(attribute, |option, meta| {
            match option {
                "name" => name = Some(attr::name(meta)?),
                "rename_all" => {
                    let written = attr::value(meta, "\"snake_case\"")?.parse::<LitStr>()?;
                    case = Some((
                        Case::of(&written.value()).ok_or_else(|| unknown_case(&written))?,
                        written.span(),
                    ));
                }
                "integer" => integer = attr::flag(meta)?.then(|| meta.path.span()),
                _ => facade = Some(path(meta)?),
            }
            Ok(())
        })?;
    }
    let of_names = name.as_ref().map(|name: &Name| name.span).or(case.map(|(_, span)| span));
    if let (Some(span), true) = (of_names, integer.is_some()) {
        let message =
            "this is about names, and `integer` stores the numbers of the variants: leave one of the two out";
        return Err(Error::new(span, message));
    }
    let case = case.map(|(case, _)| case);
    Ok(EnumOptions { support: support(facade.as_ref()), name, case, integer })
}

/// The name that the attribute of a variant gives it.
pub(crate) fn renamed(variant: &Variant, derive: EnumDerive) -> Result<Option<Name>> {
    let grammar = Grammar { attribute: derive.attribute(), options: &["rename"], repeatable: &[] };
    let mut name = None;
    for attribute in own(&variant.attrs, grammar.attribute) {
        grammar.read(attribute, |_, meta| {
            name = Some(attr::name(meta)?);
            Ok(())
        })?;
    }
    Ok(name)
}

fn own<'a>(attributes: &'a [Attribute], name: &'static str) -> impl Iterator<Item = &'a Attribute> {
    attributes.iter().filter(move |attribute| attribute.path().is_ident(name))
}

fn path(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<TokenStream> {
    Ok(attr::value(meta, "anyorm")?.parse::<Path>()?.to_token_stream())
}

fn unknown_case(written: &LitStr) -> Error {
    let choices = Case::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
    Error::new(written.span(), format!("unknown case `{}`: write one of {choices}", written.value()))
}
