//! `#[derive(FromRow)]`: a struct whose fields are read from the columns of a row, in their order.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Meta, Path, Result};

use crate::commas;
use crate::names::plain;
use crate::parse::{Errors, support};

/// The most fields that a tuple of columns has.
const WIDEST: usize = 16;

/// A field with what is said of it.
struct RowField<'a> {
    ident: Ident,
    field: &'a Field,
    source: Source,
}

/// Where a field comes from.
enum Source {
    /// The column at its place.
    Column,
    /// The column at its place, which is this expression where the struct is a projection.
    Expression(TokenStream),
    /// Several columns from its place on.
    Nested,
}

/// The implementations, or the mistakes.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (support, fields) = parse(input)?;
    let (ident, name) = (&input.ident, plain(&input.ident));
    let place = Place { support: &support };
    let widths = fields.iter().map(|field| place.width(field));
    let mut before = Vec::new();
    let read = fields.iter().map(|field| {
        let read = place.read(field, &before);
        before.push(place.width(field));
        read
    });
    let read: Vec<TokenStream> = read.collect();
    let row_of = row_of(ident, &support, &fields);
    let projection = projection(ident, &support, &fields);
    Ok(quote! {
        #[automatically_derived]
        impl #support::FromRow for #ident {
            #[inline]
            fn from_row(__row: &#support::Row<'_>) -> ::core::result::Result<Self, #support::ColumnError> {
                #support::read_struct(__row)
            }
        }

        #[automatically_derived]
        impl #support::RowStruct for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const WIDTH: ::core::primitive::usize = 0 #(+ #widths)*;

            fn read(__row: &#support::Row<'_>) -> ::core::result::Result<Self, #support::ColumnError> {
                ::core::result::Result::Ok(Self { #(#read,)* })
            }
        }

        #row_of
        #projection
    })
}

/// What both parts of the output say of a field.
struct Place<'a> {
    support: &'a TokenStream,
}

impl Place<'_> {
    fn width(&self, field: &RowField<'_>) -> TokenStream {
        let (support, ty) = (self.support, &field.field.ty);
        match field.source {
            Source::Nested => quote!(<#ty as #support::NestedRow>::WIDTH),
            _ => quote!(1),
        }
    }

    fn read(&self, field: &RowField<'_>, before: &[TokenStream]) -> TokenStream {
        let (support, ty, ident) = (self.support, &field.field.ty, &field.ident);
        let at = quote!(0 #(+ #before)*);
        let read = match field.source {
            Source::Nested => {
                quote_spanned!(ty.span()=> <#ty as #support::NestedRow>::nested(&__row.shifted(#at))?)
            }
            _ => quote_spanned!(ty.span()=> <#ty as #support::RowField>::field(__row, #at)?),
        };
        quote!(#ident: #read)
    }
}

/// The tuple whose types are those of the fields; a struct of one field can also be read from its one column.
fn row_of(ident: &Ident, support: &TokenStream, fields: &[RowField<'_>]) -> Option<TokenStream> {
    let is_flat = fields.iter().all(|field| !matches!(field.source, Source::Nested));
    let types: Vec<_> = fields.iter().map(|field| &field.field.ty).collect();
    let one = (types.len() == 1).then(|| {
        let ty = types[0];
        quote! {
            #[automatically_derived]
            #[allow(private_interfaces)]
            impl #support::RowOf<#ty> for #ident {}
        }
    });
    (is_flat && types.len() <= WIDEST).then(|| {
        quote! {
            // A private field's type may be private too.
            #[automatically_derived]
            #[allow(private_interfaces)]
            impl #support::RowOf<(#(#types,)*)> for #ident {}
            #one
        }
    })
}

/// Where each field says what it is made of.
fn projection(ident: &Ident, support: &TokenStream, fields: &[RowField<'_>]) -> Option<TokenStream> {
    if fields.iter().any(|field| matches!(field.source, Source::Column)) {
        return None;
    }
    let nested = fields.iter().filter(|field| matches!(field.source, Source::Nested));
    let nested: Vec<_> = nested.map(|field| &field.field.ty).collect();
    let nodes = fields.iter().map(|RowField { field, source, .. }| {
        let ty = &field.ty;
        match source {
            Source::Expression(tokens) => quote_spanned! {tokens.span()=>
                __out.push(#support::Gives::<#ty>::given(#tokens));
            },
            _ => quote!(<#ty as #support::NestedProjection>::nested_nodes(__out);),
        }
    });
    Some(quote! {
        #[automatically_derived]
        impl #support::Projection for #ident
        where
            // With a lifetime, the condition is checked where the projection is used: the struct may be for other uses.
            #(for<'__any> #nested: #support::NestedProjection,)*
        {
            fn nodes(__out: &mut #support::Vec<#support::Node>) {
                #(#nodes)*
            }
        }
    })
}

fn parse(input: &DeriveInput) -> Result<(TokenStream, Vec<RowField<'_>>)> {
    let advice = "`FromRow` is derived for a struct with named fields, one for each column";
    if !input.generics.params.is_empty() {
        let message = "a struct of columns has no parameters, since its fields are what a query selects: write a struct for \
                       each query";
        return Err(Error::new_spanned(&input.generics.params, message));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unnamed(fields) => {
                let message =
                    format!("{advice}: give them names; without names, read a tuple, `(i64, String)`");
                return Err(Error::new_spanned(fields, message));
            }
            Fields::Unit => return Err(Error::new(input.ident.span(), advice)),
        },
        Data::Enum(data) => {
            let message = format!("{advice}; an enum that is one column has `#[derive(DbEnum)]`");
            return Err(Error::new(data.enum_token.span, message));
        }
        Data::Union(data) => return Err(Error::new(data.union_token.span, advice)),
    };
    if fields.is_empty() {
        return Err(Error::new(
            input.ident.span(),
            "a struct without fields reads nothing: add one for each column",
        ));
    }
    let mut errors = Errors::default();
    let support = support(errors.keep(facade(input)).flatten().as_ref());
    let fields: Vec<RowField<'_>> =
        fields.iter().filter_map(|field| errors.keep(parse_field(field))).collect();
    errors.keep(all_or_none(&fields));
    match errors.finish() {
        Some(error) => Err(error),
        None => Ok((support, fields)),
    }
}

/// A projection with a gap would select too few columns.
fn all_or_none(fields: &[RowField<'_>]) -> Result<()> {
    let named = fields.iter().any(|field| matches!(field.source, Source::Expression(_)));
    let gap = fields.iter().find(|field| matches!(field.source, Source::Column));
    match gap {
        Some(field) if named => {
            let name = &field.ident;
            Err(Error::new(
                name.span(),
                format!(
                    "`{}` does not say what it is made of, and other fields do: write `#[row(User::NAME)]` above all of \
                     them, or above none",
                    plain(name)
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn parse_field(field: &Field) -> Result<RowField<'_>> {
    let mut attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("row"));
    let source = attributes.next().map_or(Ok(Source::Column), source)?;
    if let Some(second) = attributes.next() {
        return Err(Error::new_spanned(second, "`#[row(..)]` is given twice: leave one out"));
    }
    let ident = field.ident.clone().unwrap_or_else(|| Ident::new("_", field.span()));
    Ok(RowField { ident, field, source })
}

fn source(attribute: &Attribute) -> Result<Source> {
    let advice = "write the expression that the field is made of, `#[row(User::NAME)]`, or `#[row(nested)]` for a struct that \
                  derives `FromRow`";
    let Meta::List(list) = &attribute.meta else {
        return Err(Error::new_spanned(&attribute.meta, advice));
    };
    if let Ok(word) = syn::parse2::<Ident>(list.tokens.clone())
        && word == "nested"
    {
        return Ok(Source::Nested);
    }
    let mut parts = commas::split(list.tokens.clone());
    match (parts.pop(), parts.is_empty()) {
        (Some(expression), true) => Ok(Source::Expression(expression)),
        (Some(second), false) => Err(Error::new_spanned(second, format!("a field is one column: {advice}"))),
        (None, _) => Err(Error::new_spanned(&attribute.meta, advice)),
    }
}

/// `#[row(crate = path)]` on the struct.
fn facade(input: &DeriveInput) -> Result<Option<TokenStream>> {
    let mut facade = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(
                    meta.error("`#[row(..)]` goes above fields; above the struct it takes only `crate`")
                );
            }
            let path: Path = meta.value()?.parse()?;
            facade = Some(quote!(#path));
            Ok(())
        })?;
    }
    Ok(facade)
}
