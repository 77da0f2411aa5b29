//! What stands in for an entity with a mistake: enough of it that the code around it still compiles, so that the
//! mistake is the only error.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::constants;
use crate::model::{Column, Entity, Role};
use crate::names::constant_of_field;

/// The implementation for an entity with errors. It is never run.
pub(crate) fn stand_in(entity: &Entity) -> TokenStream {
    let Entity { ident, support, .. } = entity;
    let mut taken = HashSet::new();
    let columns: TokenStream = entity
        .columns
        .iter()
        .filter(|column| is_plain(entity, column) && taken.insert(column.constant.to_string()))
        .map(|column| constants::of_column(entity, 0, column))
        .collect();
    let relations: TokenStream = entity
        .relations()
        .filter(|field| taken.insert(constant_of_field(&field.ident)))
        .map(|field| constants::of_relation(entity, 0, field))
        .collect();
    quote! {
        #[allow(dead_code, deprecated, non_upper_case_globals, private_interfaces, unreachable_pub)]
        impl #ident {
            #columns
            #relations
        }

        #[automatically_derived]
        impl #support::Entity for #ident {
            type Key = ::core::primitive::i64;

            fn meta() -> &'static #support::EntityMeta {
                ::core::unreachable!()
            }

            fn key(&self) -> ::core::option::Option<Self::Key> {
                ::core::unreachable!()
            }

            fn decode(_: &#support::Row<'_>) -> ::core::result::Result<Self, #support::ColumnError> {
                ::core::unreachable!()
            }

            fn encode(&self, _: ::core::primitive::usize, _: &mut #support::Cells) {
                ::core::unreachable!()
            }

            fn assign(
                &mut self,
                _: ::core::primitive::usize,
                _: #support::ValueRef<'_>,
            ) -> ::core::result::Result<(), #support::ColumnError> {
                ::core::unreachable!()
            }

            fn link(&self, _: ::core::primitive::usize) -> #support::Link<'_> {
                ::core::unreachable!()
            }

            fn link_mut(&mut self, _: ::core::primitive::usize) -> #support::LinkMut<'_> {
                ::core::unreachable!()
            }
        }
    }
}

/// A composite foreign key may have the wrong number of columns, which would show as a second error.
fn is_plain(entity: &Entity, column: &Column) -> bool {
    !matches!(&entity.fields[column.field].role, Role::BelongsTo(relation) if relation.columns.len() > 1)
}
