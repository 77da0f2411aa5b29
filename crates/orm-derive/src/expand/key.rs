//! The key: its type, and how it is read from the entity.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{BelongsTo, Entity, Field, Role, UuidVersion};

/// The type of the key's one column, or a tuple of several. A link stands for the columns of the key it points to.
pub(super) fn key_type(entity: &Entity) -> TokenStream {
    let types: Vec<_> = entity.key().flat_map(|field| part_types(entity, field)).collect();
    match types.as_slice() {
        [only] => quote!(#only),
        several => quote!((#(#several,)*)),
    }
}

fn part_types(entity: &Entity, field: &Field) -> Vec<TokenStream> {
    let support = &entity.support;
    let Role::BelongsTo(relation) = &field.role else { return vec![field.ty.clone()] };
    let key = key_of_target(entity, relation);
    match relation.columns.len() {
        1 => vec![key],
        width => (0..width).map(|part| quote!(<#key as #support::KeyPart<#part>>::Type)).collect(),
    }
}

fn key_of_target(entity: &Entity, relation: &BelongsTo) -> TokenStream {
    let (support, target) = (&entity.support, &relation.target);
    quote!(<<#target as #support::Target>::Entity as #support::Entity>::Key)
}

/// The body of `Entity::key`.
pub(super) fn key(entity: &Entity) -> TokenStream {
    let fields: Vec<_> = entity.key().collect();
    let ty = key_type(entity);
    if let ([only], true) = (fields.as_slice(), entity.auto_key()) {
        let only = &only.ident;
        return quote! {
            if self.#only == <#ty as ::core::default::Default>::default() {
                ::core::option::Option::None
            } else {
                ::core::option::Option::Some(::core::clone::Clone::clone(&self.#only))
            }
        };
    }
    let parts: Vec<_> = fields.into_iter().flat_map(|field| parts(entity, field)).collect();
    match parts.as_slice() {
        [only] => quote!(::core::option::Option::Some(#only)),
        several => quote!(::core::option::Option::Some((#(#several,)*))),
    }
}

/// The parts of the key that a field is. A link whose key is not known makes the whole unknown.
fn parts(entity: &Entity, field: &Field) -> Vec<TokenStream> {
    let (support, ident) = (&entity.support, &field.ident);
    match &field.role {
        Role::BelongsTo(relation) => {
            let known = quote!(#support::BelongsTo::key(&self.#ident)?);
            match relation.columns.len() {
                1 => vec![quote!(::core::clone::Clone::clone(#known))],
                width => {
                    let key = key_of_target(entity, relation);
                    let part = |part| quote!(<#key as #support::KeyPart<#part>>::part(#known));
                    (0..width).map(part).collect()
                }
            }
        }
        Role::Value(value) if value.key.as_ref().is_some_and(|key| key.uuid.is_some()) => {
            let ty = &field.ty;
            vec![quote! {
                if #support::is_unset::<#ty>(&self.#ident) {
                    return ::core::option::Option::None;
                } else {
                    ::core::clone::Clone::clone(&self.#ident)
                }
            }]
        }
        _ => vec![quote!(::core::clone::Clone::clone(&self.#ident))],
    }
}

/// `Entity::make_key`, where a part of the key is made here: the trait has the method for all others.
pub(super) fn make_key(entity: &Entity) -> Option<TokenStream> {
    let support = &entity.support;
    let made = entity.made_keys().map(|(field, version)| {
        let (ident, ty) = (&field.ident, &field.ty);
        let make = match version {
            UuidVersion::V4 => quote!(uuid_v4),
            UuidVersion::V7 => quote!(uuid_v7),
        };
        quote! {
            if #support::is_unset::<#ty>(&self.#ident) {
                self.#ident = #support::#make::<#ty>();
            }
        }
    });
    let made: Vec<TokenStream> = made.collect();
    (!made.is_empty()).then(|| {
        quote! {
            fn make_key(&mut self) {
                #(#made)*
            }
        }
    })
}
