//! Enums that are stored by the numbers of their variants.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{DataEnum, DeriveInput, Error, Result, Variant};

use crate::names::plain;

/// What guards it, then the type of the column, and the way there and back.
pub(super) fn stored(
    input: &DeriveInput,
    data: &DataEnum,
    support: &TokenStream,
) -> Result<(TokenStream, TokenStream)> {
    let written = repr(input)?;
    let integer = written.clone().unwrap_or_else(|| Ident::new("i32", Span::call_site()));
    let integer = quote!(::core::primitive::#integer);
    let names: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let expected = format!("one of {}", numbered(data).join(", "));
    // With a `repr`, the compiler says so itself.
    let guards = match written {
        Some(_) => TokenStream::new(),
        None => data.variants.iter().map(|variant| fits(&input.ident, variant)).collect(),
    };
    let stored = quote! {
        const TYPE: #support::ColumnType = <#integer as #support::SqlType>::TYPE;

        #[inline]
        fn encode(&self, __cells: &mut #support::Cells) {
            let __number = match self {
                #(Self::#names => Self::#names as #integer,)*
            };
            <#integer as #support::SqlType>::encode(&__number, __cells);
        }

        #[inline]
        fn decode(
            __value: #support::ValueRef<'_>,
        ) -> ::core::result::Result<Self, #support::Misfit> {
            let __number = <#integer as #support::SqlType>::decode(__value)?;
            #(
                if __number == Self::#names as #integer {
                    return ::core::result::Result::Ok(Self::#names);
                }
            )*
            ::core::result::Result::Err(#support::unknown_number(#expected, __number.into()))
        }
    };
    Ok((guards, stored))
}

/// The integer that the enum is in memory, where it says so.
fn repr(input: &DeriveInput) -> Result<Option<Ident>> {
    let mut found = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        // What else can stand there is for the compiler to read.
        let _ = attribute.parse_nested_meta(|meta| {
            found = found.take().or_else(|| meta.path.get_ident().filter(|name| is_integer(name)).cloned());
            Ok(())
        });
    }
    let Some(name) = found else { return Ok(None) };
    if matches!(name.to_string().as_str(), "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32") {
        return Ok(Some(name));
    }
    let message =
        "no column holds this integer: write one of i8 to i64 or u8 to u32, or leave `repr` out, for i32";
    Err(Error::new(name.span(), message))
}

fn is_integer(name: &Ident) -> bool {
    matches!(name.to_string().as_bytes(), [b'i' | b'u', b'0'..=b'9', ..] | b"isize" | b"usize")
}

fn fits(ident: &Ident, variant: &Variant) -> TokenStream {
    let name = &variant.ident;
    let message = format!(
        "the number of `{}` does not fit the column, which is an i32: write `#[repr(i64)]` above the enum",
        plain(name)
    );
    quote_spanned! {name.span()=>
        const _: () = ::core::assert!(
            #ident::#name as ::core::primitive::i32 as ::core::primitive::i128
                == #ident::#name as ::core::primitive::i128,
            "{}",
            #message,
        );
    }
}

/// The variants with their numbers, as far as they can be read here: `1 (`New`)`.
fn numbered(data: &DataEnum) -> Vec<String> {
    let mut next = Some(0_i128);
    let named = data.variants.iter().map(|variant| {
        let name = plain(&variant.ident);
        if let Some((_, number)) = &variant.discriminant {
            next = number.to_token_stream().to_string().replace([' ', '_'], "").parse().ok();
        }
        let number = next;
        next = next.map(|number| number + 1);
        number.map_or_else(|| format!("the number of `{name}`"), |number| format!("{number} (`{name}`)"))
    });
    named.collect()
}
