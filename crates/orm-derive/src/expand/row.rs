//! Between rows and fields: `decode`, `encode`, `assign`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Entity, Field, Role};
use crate::names::plain;

/// The three methods.
pub(super) fn methods(entity: &Entity) -> TokenStream {
    let Entity { support, ident, .. } = entity;
    let name = plain(ident);
    let decoded = entity.fields.iter().map(|field| decoded(entity, field));
    let encoded = entity.columns.iter().enumerate().map(|(at, column)| {
        let encode = encoded(entity, &entity.fields[column.field], column.part);
        quote!(#at => #encode,)
    });
    let assigned = entity.fields.iter().filter_map(|field| assigned(entity, field));
    quote! {
        fn decode(row: &#support::Row<'_>) -> ::core::result::Result<Self, #support::ColumnError> {
            ::core::result::Result::Ok(Self { #(#decoded,)* })
        }

        fn encode(&self, column: ::core::primitive::usize, cells: &mut #support::Cells) {
            match column {
                #(#encoded)*
                _ => #support::no_column(#name, column),
            }
        }

        fn assign(
            &mut self,
            column: ::core::primitive::usize,
            value: #support::ValueRef<'_>,
        ) -> ::core::result::Result<(), #support::ColumnError> {
            match column {
                #(#assigned)*
                _ => #support::no_column(#name, column),
            }
            ::core::result::Result::Ok(())
        }
    }
}

fn decoded(entity: &Entity, field: &Field) -> TokenStream {
    let support = &entity.support;
    let Field { ident, ty, column, role } = field;
    let value = match role {
        Role::Value(_) => quote!(row.get::<#ty>(#column)?),
        Role::BelongsTo(_) => quote!(#support::BelongsTo::decode(row, #column)?),
        Role::HasMany(_) => quote!(#support::HasMany::not_loaded()),
        Role::ManyToMany(_) => quote!(#support::ManyToMany::not_loaded()),
    };
    quote!(#ident: #value)
}

fn encoded(entity: &Entity, field: &Field, part: usize) -> TokenStream {
    let support = &entity.support;
    let Field { ident, ty, role, .. } = field;
    match role {
        Role::BelongsTo(_) => quote!(#support::BelongsTo::encode_part(&self.#ident, #part, cells)),
        _ => quote!(<#ty as #support::SqlType>::encode(&self.#ident, cells)),
    }
}

/// A link is assigned as a whole, through its relation: its columns are passed over here.
fn assigned(entity: &Entity, field: &Field) -> Option<TokenStream> {
    let support = &entity.support;
    let Field { ident, ty, column, role } = field;
    match role {
        Role::Value(_) => Some(quote! {
            #column => match <#ty as #support::SqlType>::decode(value) {
                ::core::result::Result::Ok(value) => self.#ident = value,
                ::core::result::Result::Err(misfit) => {
                    return ::core::result::Result::Err(#support::misfit::<Self>(column, misfit));
                }
            },
        }),
        Role::BelongsTo(relation) => {
            let columns = (0..relation.columns.len()).map(|part| column + part);
            Some(quote!(#(#columns)|* => {}))
        }
        Role::HasMany(_) | Role::ManyToMany(_) => None,
    }
}
