//! The key: its type, and how it is read from the entity.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Entity;

/// The type of the key field, or a tuple of several.
pub(super) fn key_type(entity: &Entity) -> TokenStream {
    let types: Vec<_> = entity.key().map(|(field, _)| &field.ty).collect();
    match types.as_slice() {
        [only] => quote!(#only),
        several => quote!((#(#several,)*)),
    }
}

/// The body of `Entity::key`.
pub(super) fn key(entity: &Entity) -> TokenStream {
    let fields: Vec<_> = entity.key().map(|(field, _)| &field.ident).collect();
    let ty = key_type(entity);
    match fields.as_slice() {
        [only] if entity.auto_key() => quote! {
            if self.#only == <#ty as ::core::default::Default>::default() {
                ::core::option::Option::None
            } else {
                ::core::option::Option::Some(::core::clone::Clone::clone(&self.#only))
            }
        },
        [only] => quote!(::core::option::Option::Some(::core::clone::Clone::clone(&self.#only))),
        several => quote! {
            ::core::option::Option::Some((#(::core::clone::Clone::clone(&self.#several),)*))
        },
    }
}
