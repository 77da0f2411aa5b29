//! `#[derive(Embedded)]`: a struct whose fields are columns of the entities that have a field of it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Error, Result};

use crate::model::{Field, Role, Value};
use crate::names::plain;
use crate::parse::embedded;

/// A field with its column.
struct Column<'a> {
    field: &'a Field,
    value: &'a Value,
    name: String,
}

/// The implementations, or the mistakes.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (support, fields) = embedded(input)?;
    let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
    twice(&columns)?;
    let (ident, name) = (&input.ident, plain(&input.ident));
    let width = columns.len();
    let (idents, types): (Vec<_>, Vec<_>) =
        columns.iter().map(|column| (&column.field.ident, &column.field.ty)).unzip();
    let at: Vec<usize> = (0..width).collect();
    let metas = columns.iter().map(|column| meta(&support, column));
    let handle = handle(input, &support, &columns);
    let handle_name = handle_name(ident);
    Ok(quote! {
        #handle

        #[automatically_derived]
        impl #support::Embedded for #ident {
            const WIDTH: ::core::primitive::usize = #width;
            const COLUMNS: &'static [#support::ColumnMeta] = &[#(#metas),*];
            type Columns<__E: #support::Entity, const __FIRST: ::core::primitive::usize> =
                #handle_name<__E, __FIRST>;

            fn decode(
                __row: &#support::Row<'_>,
                __first: ::core::primitive::usize,
            ) -> ::core::result::Result<Self, #support::ColumnError> {
                ::core::result::Result::Ok(Self {
                    #(#idents: <#types as #support::SqlType>::read(__row, __first + #at)?,)*
                })
            }

            fn encode(&self, __column: ::core::primitive::usize, __cells: &mut #support::Cells) {
                match __column {
                    #(#at => <#types as #support::SqlType>::encode(&self.#idents, __cells),)*
                    _ => #support::no_column(#name, __column),
                }
            }

            fn differences(
                &self,
                __other: &Self,
                __first: ::core::primitive::usize,
                __columns: &mut #support::Vec<::core::primitive::u16>,
            ) {
                #(
                    if !<#types as #support::SqlType>::same(&self.#idents, &__other.#idents) {
                        __columns.push((__first + #at) as ::core::primitive::u16);
                    }
                )*
            }

            fn assign(
                &mut self,
                __column: ::core::primitive::usize,
                __value: #support::ValueRef<'_>,
            ) -> ::core::result::Result<(), #support::Misfit> {
                match __column {
                    #(#at => self.#idents = <#types as #support::SqlType>::decode(__value)?,)*
                    _ => #support::no_column(#name, __column),
                }
                ::core::result::Result::Ok(())
            }
        }
    })
}

fn column(field: &Field) -> Result<Column<'_>> {
    let Role::Value(value) = &field.role else {
        let message =
            "a relation belongs to an entity: move this field there, and leave it out of what is embedded";
        return Err(Error::new(field.ident.span(), message));
    };
    if value.references.is_some()
        || value.on_delete.is_some()
        || value.server_default
        || value.generated.is_some()
    {
        let message = "an embedded column takes `name`, `unique`, `index` and `default`: write what else it has in the entity, \
                       with a field of its own";
        return Err(Error::new(field.ident.span(), message));
    }
    let name = value.name.as_ref().map_or_else(|| plain(&field.ident), |name| name.text.clone());
    Ok(Column { field, value, name })
}

fn twice(columns: &[Column<'_>]) -> Result<()> {
    for (at, column) in columns.iter().enumerate() {
        let same = |other: &&Column<'_>| other.name.to_lowercase() == column.name.to_lowercase();
        if let Some(first) = columns[..at].iter().find(same) {
            let (name, first) = (&column.name, plain(&first.field.ident));
            let message = format!(
                "the column `{name}` is there already, for `{first}`: name another one with `#[column(name = \"..\")]`"
            );
            return Err(Error::new(column.field.ident.span(), message));
        }
    }
    Ok(())
}

fn meta(support: &TokenStream, column: &Column<'_>) -> TokenStream {
    let (ty, name, field) = (&column.field.ty, &column.name, plain(&column.field.ident));
    let Value { unique, index, default, .. } = column.value;
    let default = match default {
        Some(default) => {
            let sql = &default.sql;
            quote!(::core::option::Option::Some(#sql))
        }
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #support::ColumnMeta {
            name: #name,
            field: #field,
            ty: <#ty as #support::SqlType>::TYPE,
            nullable: <#ty as #support::SqlType>::NULLABLE,
            unique: #unique,
            index: #index,
            default: #default,
            generated: ::core::option::Option::None,
            references: ::core::option::Option::None,
        }
    }
}

fn handle_name(ident: &Ident) -> Ident {
    format_ident!("{}Columns", plain(ident), span = Span::call_site())
}

/// The type of the constants that entities have for such a field: a method for each column.
fn handle(input: &DeriveInput, support: &TokenStream, columns: &[Column<'_>]) -> TokenStream {
    let (ident, visibility) = (&input.ident, input.vis.to_token_stream());
    let handle = handle_name(ident);
    let doc = format!("The columns of `{}` in an entity: a method for each.", plain(ident));
    let methods = columns.iter().enumerate().map(|(at, column)| {
        let (name, ty) = (&column.field.ident, &column.field.ty);
        let doc = format!("The column of the field `{}`.", plain(name));
        quote! {
            #[doc = #doc]
            #visibility const fn #name(self) -> #support::Column<__E, #ty> {
                #support::Column::new(__FIRST + #at)
            }
        }
    });
    quote! {
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub)]
        #visibility struct #handle<__E, const __FIRST: ::core::primitive::usize>(
            ::core::marker::PhantomData<fn() -> __E>,
        );

        #[automatically_derived]
        impl<__E, const __FIRST: ::core::primitive::usize> ::core::clone::Clone for #handle<__E, __FIRST> {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl<__E, const __FIRST: ::core::primitive::usize> ::core::marker::Copy for #handle<__E, __FIRST> {}

        #[automatically_derived]
        impl<__E, const __FIRST: ::core::primitive::usize> ::core::fmt::Debug for #handle<__E, __FIRST> {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                __f.write_str(::core::stringify!(#handle))
            }
        }

        #[automatically_derived]
        impl<__E: #support::Entity, const __FIRST: ::core::primitive::usize> #support::ColumnsFrom
            for #handle<__E, __FIRST>
        {
            const NEW: Self = Self(::core::marker::PhantomData);
        }

        #[allow(dead_code, private_interfaces, unreachable_pub)]
        impl<__E: #support::Entity, const __FIRST: ::core::primitive::usize> #handle<__E, __FIRST> {
            #(#methods)*
        }
    }
}
