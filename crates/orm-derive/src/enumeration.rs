//! `#[derive(DbEnum)]`, which is `#[derive(SqlType)]` on an enum: its variants are stored by their names, or by their numbers.

mod numbers;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Result, Variant};

use crate::names::plain;
use crate::parse::{EnumDerive, EnumOptions, enum_options, renamed};

/// The longest name of a variant that PostgreSQL stores, in bytes.
const LONGEST: usize = 63;

/// The implementation for `#[derive(DbEnum)]`, or the mistake.
pub(crate) fn of_input(input: &DeriveInput) -> Result<TokenStream> {
    match &input.data {
        Data::Enum(data) => expand(input, data, EnumDerive::DbEnum),
        _ => {
            let message = "`DbEnum` is derived for an enum whose variants have no fields; a struct around one value has \
                           `#[derive(SqlType)]`";
            Err(Error::new(input.ident.span(), message))
        }
    }
}

/// The implementation, or the mistake.
pub(crate) fn expand(input: &DeriveInput, data: &DataEnum, derive: EnumDerive) -> Result<TokenStream> {
    let options = enum_options(input, derive)?;
    let variants = variants(input, data, &options, derive)?;
    let names: Vec<&Ident> = variants.iter().map(|(name, _)| *name).collect();
    let (guards, stored) = match options.integer {
        Some(_) => numbers::stored(input, data, &options.support)?,
        None => (TokenStream::new(), by_name(&variants, &names, &options)),
    };
    let (support, ident) = (&options.support, &input.ident);
    Ok(quote! {
        #guards

        #[automatically_derived]
        impl #support::SqlType for #ident {
            type Base = Self;
            #stored

            #[inline]
            fn same(&self, __other: &Self) -> ::core::primitive::bool {
                ::core::mem::discriminant(self) == ::core::mem::discriminant(__other)
            }
        }

        #[automatically_derived]
        impl #support::Element for #ident {}

        #[automatically_derived]
        impl #support::KeyArg<#ident> for #ident {
            fn into_key(self) -> Self {
                self
            }
        }
    })
}

/// The type of the column, and the way there and back.
fn by_name(variants: &[(&Ident, String)], names: &[&Ident], options: &EnumOptions) -> TokenStream {
    let support = &options.support;
    let labels: Vec<&String> = variants.iter().map(|(_, label)| label).collect();
    let bytes = labels.iter().map(|label| Literal::byte_string(label.as_bytes()));
    let column_type = match &options.name {
        Some(name) => {
            let name = &name.text;
            quote!(Enum(&#support::EnumType { name: #name, labels: &[#(#labels),*] }))
        }
        None => quote!(Text),
    };
    let expected = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
    let expected = format!("one of {expected}");
    quote! {
        const TYPE: #support::ColumnType = #support::ColumnType::#column_type;

        fn encode(&self, __cells: &mut #support::Cells) {
            __cells.text(match self {
                #(Self::#names => #labels,)*
            });
        }

        fn decode(
            __value: #support::ValueRef<'_>,
        ) -> ::core::result::Result<Self, #support::Misfit> {
            ::core::result::Result::Ok(match __value {
                #(#support::ValueRef::Text(#bytes) => Self::#names,)*
                _ => {
                    return ::core::result::Result::Err(
                        #support::Misfit::choice(#expected, __value),
                    );
                }
            })
        }
    }
}

/// Each variant with its name in the database.
fn variants<'a>(
    input: &DeriveInput,
    data: &'a DataEnum,
    options: &EnumOptions,
    derive: EnumDerive,
) -> Result<Vec<(&'a Ident, String)>> {
    if !input.generics.params.is_empty() {
        let message = "an enum that is one column has no parameters: write an enum for each column type";
        return Err(Error::new_spanned(&input.generics.params, message));
    }
    if data.variants.is_empty() {
        let message = "an enum without variants has no values to store: add one";
        return Err(Error::new(input.ident.span(), message));
    }
    let mut variants: Vec<(&Ident, String)> = Vec::with_capacity(data.variants.len());
    for variant in &data.variants {
        let label = label(variant, options, derive)?;
        if let Some((other, _)) = variants.iter().find(|(_, known)| *known == label) {
            let message =
                format!("stored as {label:?}, like `{}`: give one of them another name", plain(other));
            return Err(Error::new(variant.ident.span(), message));
        }
        variants.push((&variant.ident, label));
    }
    Ok(variants)
}

fn label(variant: &Variant, options: &EnumOptions, derive: EnumDerive) -> Result<String> {
    if !matches!(variant.fields, Fields::Unit) {
        let message =
            "a variant with fields is more than a name: leave them out, or store the enum as `Json<..>`";
        return Err(Error::new_spanned(&variant.fields, message));
    }
    let (label, span) = match renamed(variant, derive)? {
        Some(name) if options.integer.is_some() => {
            let message =
                "the numbers of variants are stored, not their names: leave `rename` or `integer` out";
            return Err(Error::new(name.span, message));
        }
        Some(name) => (name.text, name.span),
        None => {
            let name = plain(&variant.ident);
            let label = options.case.map_or_else(|| name.clone(), |case| case.apply(&name));
            (label, variant.ident.span())
        }
    };
    if options.name.is_some() && label.len() > LONGEST {
        let message = format!("longer than the {LONGEST} bytes that the database keeps of such a name");
        return Err(Error::new(span, message));
    }
    Ok(label)
}
