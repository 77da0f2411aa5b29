//! `#[embedded]` on a field of an entity, and the struct that derives it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, DeriveInput, Error, LitStr, Path, Result};

use super::attr::{self, Grammar};
use super::entity::support;
use super::field::{self, Marker};
use super::{Errors, shape};
use crate::model::{Embedded, Field};
use crate::names::plain;

/// Reads the attribute of a field, which stands alone.
pub(super) fn of_field(field: &syn::Field, markers: &[Marker<'_>]) -> Result<Option<Embedded>> {
    let Some(marker) = markers.iter().find(|marker| marker.name == "embedded") else { return Ok(None) };
    if let Some(other) = markers.iter().find(|other| !std::ptr::eq(*other, marker)) {
        let message =
            "an embedded field has several columns: write what is said of one of them into its struct";
        return Err(Error::new_spanned(other.attribute, message));
    }
    let mut prefix = field.ident.as_ref().map(|ident| format!("{}_", plain(ident))).unwrap_or_default();
    let grammar = Grammar { attribute: "embedded", options: &["prefix"], repeatable: &[] };
    grammar.read(marker.attribute, |_, meta| {
        prefix = attr::value(meta, "\"home_\"")?.parse::<LitStr>()?.value();
        Ok(())
    })?;
    Ok(Some(Embedded { prefix }))
}

/// Reads a struct that is embedded: where the facade is, and its fields.
pub(crate) fn embedded(input: &DeriveInput) -> Result<(TokenStream, Vec<Field>)> {
    let mut errors = Errors::default();
    let facade = errors.keep(facade(&input.attrs)).flatten();
    let Some(fields) = errors.keep(shape(input, "embedded")) else {
        return finish(errors, Vec::new(), facade);
    };
    if fields.named.is_empty() {
        let message = "a struct without fields has no columns: add one for each";
        errors.push(Error::new(input.ident.span(), message));
    }
    let fields = fields.named.iter().map(|field| field::parse(field, &input.ident, &mut errors)).collect();
    finish(errors, fields, facade)
}

fn finish(
    errors: Errors,
    fields: Vec<Field>,
    facade: Option<TokenStream>,
) -> Result<(TokenStream, Vec<Field>)> {
    errors.finish().map_or_else(|| Ok((support(facade.as_ref()), fields)), Err)
}

fn facade(attributes: &[Attribute]) -> Result<Option<TokenStream>> {
    let grammar = Grammar { attribute: "embedded", options: &["crate"], repeatable: &[] };
    let mut facade = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("embedded")) {
        grammar.read(attribute, |_, meta| {
            facade = Some(attr::value(meta, "anyorm")?.parse::<Path>()?.to_token_stream());
            Ok(())
        })?;
    }
    Ok(facade)
}
