//! Between rows and fields: `decode`, `encode`, `differences`, `assign`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Entity, Field, Role};
use crate::names::plain;

/// The four methods. Their variables begin with underscores: a user's unit struct of the same name would make
/// patterns of them.
pub(super) fn methods(entity: &Entity) -> TokenStream {
    let Entity { support, ident, .. } = entity;
    let name = plain(ident);
    let decoded = entity.fields.iter().map(|field| decoded(entity, field));
    let encoded = entity.columns.iter().enumerate().map(|(at, column)| {
        let encode = encoded(entity, &entity.fields[column.field], column.part);
        quote!(#at => #encode,)
    });
    let embedded = entity.embedded().map(|(field, _)| {
        let (is_here, first) = is_here(entity, field);
        let (ident, embedded_ty) = (&field.ident, entity.embedded_type(field));
        quote! {
            __column if #is_here => {
                #embedded_ty::encode(&self.#ident, __column - (#first), __cells);
            }
        }
    });
    let compared = entity.fields.iter().filter_map(|field| compared(entity, field));
    let assigned = entity.fields.iter().filter_map(|field| assigned(entity, field));
    let unset = unset(entity);
    quote! {
        fn decode(__row: &#support::Row<'_>) -> ::core::result::Result<Self, #support::ColumnError> {
            ::core::result::Result::Ok(Self { #(#decoded,)* })
        }

        fn encode(&self, __column: ::core::primitive::usize, __cells: &mut #support::Cells) {
            match __column {
                #(#encoded)*
                #(#embedded)*
                _ => #support::no_column(#name, __column),
            }
        }

        fn differences(&self, __other: &Self, __columns: &mut #support::Vec<::core::primitive::u16>) {
            #(#compared)*
        }

        #unset

        fn assign(
            &mut self,
            __column: ::core::primitive::usize,
            __value: #support::ValueRef<'_>,
        ) -> ::core::result::Result<(), #support::ColumnError> {
            match __column {
                #(#assigned)*
                _ => #support::no_column(#name, __column),
            }
            ::core::result::Result::Ok(())
        }
    }
}

/// Only where the database gives defaults: the trait has the method for all others.
fn unset(entity: &Entity) -> Option<TokenStream> {
    let support = &entity.support;
    let bits = entity.server_defaults().enumerate().map(|(bit, field)| {
        let (ident, ty) = (&field.ident, &field.ty);
        quote!(__unset |= (#support::is_unset::<#ty>(&self.#ident) as ::core::primitive::u64) << #bit;)
    });
    let bits: Vec<TokenStream> = bits.collect();
    (!bits.is_empty()).then(|| {
        quote! {
            fn unset(&self) -> ::core::primitive::u64 {
                let mut __unset = 0;
                #(#bits)*
                __unset
            }
        }
    })
}

/// Whether a position is that of a column of an embedded field, and the position of the first one.
fn is_here(entity: &Entity, field: &Field) -> (TokenStream, TokenStream) {
    let (embedded_ty, first) = (entity.embedded_type(field), entity.first_of(field));
    let width = quote!(#embedded_ty::WIDTH);
    (quote!((#first..#first + #width).contains(&__column)), first)
}

fn decoded(entity: &Entity, field: &Field) -> TokenStream {
    let support = &entity.support;
    let Field { ident, ty, column, role } = field;
    let value = match role {
        // Not `Row::get`: its bound would be a second error for a type that no column can hold.
        Role::Value(_) => quote!(<#ty as #support::SqlType>::read(__row, #column)?),
        Role::BelongsTo(_) => quote!(#support::BelongsTo::decode(__row, #column)?),
        Role::Embedded(_) => {
            let (embedded_ty, first) = (entity.embedded_type(field), entity.first_of(field));
            quote!(#embedded_ty::decode(__row, #first)?)
        }
        Role::HasMany(relation) if relation.one => quote!(#support::HasOne::not_loaded()),
        Role::HasMany(_) => quote!(#support::HasMany::not_loaded()),
        Role::ManyToMany(_) => quote!(#support::ManyToMany::not_loaded()),
    };
    quote!(#ident: #value)
}

fn encoded(entity: &Entity, field: &Field, part: usize) -> TokenStream {
    let support = &entity.support;
    let Field { ident, ty, role, .. } = field;
    match role {
        Role::BelongsTo(_) => quote!(#support::BelongsTo::encode_part(&self.#ident, #part, __cells)),
        _ => quote!(<#ty as #support::SqlType>::encode(&self.#ident, __cells)),
    }
}

fn compared(entity: &Entity, field: &Field) -> Option<TokenStream> {
    let support = &entity.support;
    let Field { ident, ty, column, role } = field;
    let at = *column as u16;
    match role {
        Role::Value(_) => Some(quote! {
            if !<#ty as #support::SqlType>::same(&self.#ident, &__other.#ident) {
                __columns.push(#at);
            }
        }),
        Role::BelongsTo(_) => Some(quote! {
            #support::BelongsTo::differences(&self.#ident, &__other.#ident, #column, __columns);
        }),
        Role::Embedded(_) => {
            let (embedded_ty, first) = (entity.embedded_type(field), entity.first_of(field));
            Some(quote! {
                #embedded_ty::differences(&self.#ident, &__other.#ident, #first, __columns);
            })
        }
        Role::HasMany(_) | Role::ManyToMany(_) => None,
    }
}

fn assigned(entity: &Entity, field: &Field) -> Option<TokenStream> {
    let support = &entity.support;
    let Field { ident, ty, column, role } = field;
    match role {
        Role::Value(_) => Some(quote! {
            #column => match <#ty as #support::SqlType>::decode(__value) {
                ::core::result::Result::Ok(__value) => self.#ident = __value,
                ::core::result::Result::Err(__misfit) => {
                    return ::core::result::Result::Err(#support::misfit::<Self>(__column, __misfit));
                }
            },
        }),
        Role::BelongsTo(relation) => {
            let parts = 0..relation.columns.len();
            let columns = parts.clone().map(|part| column + part);
            Some(
                quote!(#(#columns => #support::BelongsTo::assign_part(&mut self.#ident, #parts, __value)?,)*),
            )
        }
        Role::Embedded(_) => {
            let (is_here, first) = is_here(entity, field);
            let embedded_ty = entity.embedded_type(field);
            Some(quote! {
                __column if #is_here => {
                    let __assigned =
                        #embedded_ty::assign(&mut self.#ident, __column - (#first), __value);
                    if let ::core::result::Result::Err(__misfit) = __assigned {
                        return ::core::result::Result::Err(#support::misfit::<Self>(__column, __misfit));
                    }
                }
            })
        }
        Role::HasMany(_) | Role::ManyToMany(_) => None,
    }
}
