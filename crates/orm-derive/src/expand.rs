//! From the model to tokens. Every path is absolute, so that no name of the user's is in the way.

mod constants;
mod guards;
mod key;
mod links;
mod meta;
mod row;
mod stand_in;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::model::Entity;
pub(crate) use stand_in::stand_in;

/// The implementation for a checked entity.
pub(crate) fn entity(entity: &Entity) -> TokenStream {
    let Entity { ident, support, table, .. } = entity;
    let constants = constants::constants(entity);
    let guards = guards::guards(entity);
    let (key_type, key, make_key) = (key::key_type(entity), key::key(entity), key::make_key(entity));
    let meta = meta::meta(entity);
    let row = row::methods(entity);
    let links = links::methods(entity);
    // At the struct's name, so that what the struct itself lacks (`Clone`, `Send`) is missed there, and once.
    let placed = at(ident.span(), support);
    let header = quote_spanned!(ident.span()=> impl #placed::Entity for #ident);
    quote! {
        #constants
        #guards
        #[automatically_derived]
        #[allow(deprecated)]
        #header {
            type Key = #key_type;
            const TABLE: &'static ::core::primitive::str = #table;

            fn meta() -> &'static #support::EntityMeta {
                #meta
            }

            fn key(&self) -> ::core::option::Option<#key_type> {
                #key
            }

            #make_key
            #row
            #links
        }
    }
}

/// The tokens of a path, moved to where an error about it would be read.
fn at(span: Span, path: &TokenStream) -> TokenStream {
    let moved = path.clone().into_iter().map(|mut token| {
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}
