//! `#[sql_type(..)]`: on a struct around one value, on an enum, and on a variant of one.

use proc_macro2::TokenStream;
use quote::ToTokens;
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
}

/// The path of the facade, from the attribute of a struct.
pub(crate) fn newtype_support(input: &DeriveInput) -> Result<TokenStream> {
    let grammar = Grammar { attribute: "sql_type", options: &["crate"], repeatable: &[] };
    let mut facade = None;
    for attribute in own(&input.attrs) {
        grammar.read(attribute, |_, meta| {
            facade = Some(path(meta)?);
            Ok(())
        })?;
    }
    Ok(support(facade.as_ref()))
}

/// The attribute of an enum.
pub(crate) fn enum_options(input: &DeriveInput) -> Result<EnumOptions> {
    let options = &["name", "rename_all", "crate"];
    let grammar = Grammar { attribute: "sql_type", options, repeatable: &[] };
    let (mut facade, mut name, mut case) = (None, None, None);
    for attribute in own(&input.attrs) {
        grammar.read(attribute, |option, meta| {
            match option {
                "name" => name = Some(attr::name(meta)?),
                "rename_all" => {
                    let written = attr::value(meta, "\"snake_case\"")?.parse::<LitStr>()?;
                    case = Some(Case::of(&written.value()).ok_or_else(|| unknown_case(&written))?);
                }
                _ => facade = Some(path(meta)?),
            }
            Ok(())
        })?;
    }
    Ok(EnumOptions { support: support(facade.as_ref()), name, case })
}

/// The name that the attribute of a variant gives it.
pub(crate) fn renamed(variant: &Variant) -> Result<Option<Name>> {
    let grammar = Grammar { attribute: "sql_type", options: &["rename"], repeatable: &[] };
    let mut name = None;
    for attribute in own(&variant.attrs) {
        grammar.read(attribute, |_, meta| {
            name = Some(attr::name(meta)?);
            Ok(())
        })?;
    }
    Ok(name)
}

fn own(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("sql_type"))
}

fn path(meta: &syn::meta::ParseNestedMeta<'_>) -> Result<TokenStream> {
    Ok(attr::value(meta, "anyorm")?.parse::<Path>()?.to_token_stream())
}

fn unknown_case(written: &LitStr) -> Error {
    let choices = Case::ALL.map(|(name, _)| format!("`{name}`")).join(", ");
    Error::new(written.span(), format!("unknown case `{}`: write one of {choices}", written.value()))
}
