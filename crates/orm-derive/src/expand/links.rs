//! The relation fields without their types: `link` and `link_mut`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Entity, Role};
use crate::names::plain;

/// The two methods.
pub(super) fn methods(entity: &Entity) -> TokenStream {
    let Entity { support, ident, .. } = entity;
    let name = plain(ident);
    let arms = |mutable: bool| -> TokenStream {
        let arms = entity.relations().enumerate().map(|(at, field)| {
            let ident = &field.ident;
            match (&field.role, mutable) {
                (Role::BelongsTo(_), false) => quote!(#at => #support::Link::One(&self.#ident),),
                (Role::BelongsTo(_), true) => quote!(#at => #support::LinkMut::One(&mut self.#ident),),
                (Role::HasMany(relation), false) if relation.one => {
                    quote!(#at => #support::Link::Many(&self.#ident),)
                }
                (Role::HasMany(relation), true) if relation.one => {
                    quote!(#at => #support::LinkMut::Many(&mut self.#ident),)
                }
                (_, false) => quote!(#at => #support::Link::Many(&*self.#ident),),
                (_, true) => quote!(#at => #support::LinkMut::Many(&mut *self.#ident),),
            }
        });
        arms.collect()
    };
    let (shared, mutable) = (arms(false), arms(true));
    quote! {
        fn link(&self, __relation: ::core::primitive::usize) -> #support::Link<'_> {
            match __relation {
                #shared
                _ => #support::no_relation(#name, __relation),
            }
        }

        fn link_mut(&mut self, __relation: ::core::primitive::usize) -> #support::LinkMut<'_> {
            match __relation {
                #mutable
                _ => #support::no_relation(#name, __relation),
            }
        }
    }
}
