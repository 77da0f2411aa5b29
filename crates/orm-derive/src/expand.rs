//! From the model to tokens. Every path is absolute, so that no name of the user's is in the way.

mod constants;
mod guards;
mod key;
mod links;
mod meta;
mod row;
mod stand_in;

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Entity;
pub(crate) use stand_in::stand_in;

/// The implementation for a checked entity.
pub(crate) fn entity(entity: &Entity) -> TokenStream {
    let Entity { ident, support, .. } = entity;
    let constants = constants::constants(entity);
    let guards = guards::guards(entity);
    let (key_type, key) = (key::key_type(entity), key::key(entity));
    let meta = meta::meta(entity);
    let row = row::methods(entity);
    let links = links::methods(entity);
    quote! {
        #constants
        #guards
        #[automatically_derived]
        #[allow(deprecated)]
        impl #support::Entity for #ident {
            type Key = #key_type;

            fn meta() -> &'static #support::EntityMeta {
                #meta
            }

            fn key(&self) -> ::core::option::Option<Self::Key> {
                #key
            }

            #row
            #links
        }
    }
}
