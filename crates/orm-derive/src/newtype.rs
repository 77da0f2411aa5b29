//! `#[derive(SqlType)]`: a struct around one value is stored as that value.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Result, Type};

use crate::names::plain;
use crate::parse::{argument, newtype_support};

/// The implementation, or the mistake.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let inner = inner(input)?;
    let support = newtype_support(input)?;
    let ident = &input.ident;
    let not_null = not_null(ident, inner, &support);
    Ok(quote! {
        #not_null

        #[automatically_derived]
        impl #support::SqlType for #ident {
            type Base = Self;
            const TYPE: #support::ColumnType = <#inner as #support::SqlType>::TYPE;

            fn encode(&self, __cells: &mut #support::Cells) {
                <#inner as #support::SqlType>::encode(&self.0, __cells);
            }

            #[inline]
            fn decode(
                __value: #support::ValueRef<'_>,
            ) -> ::core::result::Result<Self, #support::Misfit> {
                <#inner as #support::SqlType>::decode(__value).map(Self)
            }

            #[inline]
            fn same(&self, __other: &Self) -> ::core::primitive::bool {
                <#inner as #support::SqlType>::same(&self.0, &__other.0)
            }

            #[inline]
            fn direct(
                __source: &dyn #support::RowSource,
                __index: ::core::primitive::usize,
            ) -> ::core::option::Option<Self> {
                <#inner as #support::SqlType>::direct(__source, __index).map(Self)
            }
        }

        #[automatically_derived]
        impl #support::KeyArg<#ident> for #ident {
            fn into_key(self) -> Self {
                self
            }
        }
    })
}

/// The type of the one field.
fn inner(input: &DeriveInput) -> Result<&Type> {
    let advice = "write a struct of one field without a name: `struct UserId(i64);`";
    if !input.generics.params.is_empty() {
        let message =
            "`SqlType` is derived for a type without parameters: write a struct for each column type";
        return Err(Error::new_spanned(&input.generics.params, message));
    }
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(
            input.ident.span(),
            format!("`SqlType` is derived for structs and enums: {advice}"),
        ));
    };
    let field = match &data.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => &fields.unnamed[0],
        Fields::Unnamed(fields) => {
            return Err(Error::new_spanned(fields, format!("one column holds one value: {advice}")));
        }
        Fields::Named(_) | Fields::Unit => {
            return Err(Error::new(input.ident.span(), format!("one column holds one value: {advice}")));
        }
    };
    match argument(&field.ty, "Option") {
        Some(_) => Err(Error::new_spanned(&field.ty, never_null(&input.ident))),
        None => Ok(&field.ty),
    }
}

fn never_null(ident: &Ident) -> String {
    let name = plain(ident);
    format!(
        "a column type is never NULL by itself: leave `Option` out here, and write `Option<{name}>` in the entity"
    )
}

/// For an `Option` behind an alias.
fn not_null(ident: &Ident, inner: &Type, support: &TokenStream) -> TokenStream {
    let message = never_null(ident);
    quote_spanned! {inner.span()=>
        const _: () = ::core::assert!(!<#inner as #support::SqlType>::NULLABLE, "{}", #message);
    }
}
