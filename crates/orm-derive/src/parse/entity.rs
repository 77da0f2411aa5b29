//! `#[entity(..)]` on the struct.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Error, LitStr, Path, Result, Token, parenthesized};

use super::Errors;
use super::attr::{self, Grammar};
use crate::model::Name;
use crate::names::{plain, snake_case};

/// The options as written.
#[derive(Default)]
pub(super) struct Options {
    pub(super) table: Option<String>,
    /// The path of the facade, if it is not `::anyorm`.
    pub(super) facade: Option<TokenStream>,
    pub(super) indexes: Vec<NamedIndex>,
}

/// An index that names fields.
pub(super) struct NamedIndex {
    pub(super) name: Option<String>,
    pub(super) fields: Vec<Name>,
    pub(super) unique: bool,
}

/// Reads the attributes of a struct.
pub(super) fn options(input: &DeriveInput, errors: &mut Errors) -> Options {
    let grammar = Grammar {
        attribute: "entity",
        options: &["table", "index", "unique", "crate"],
        repeatable: &["index", "unique"],
    };
    let mut options = Options::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("entity")) {
        errors.keep(grammar.read(attribute, |option, meta| {
            match option {
                "table" => options.table = Some(attr::name(meta)?.text),
                "crate" => {
                    options.facade = Some(attr::value(meta, "anyorm")?.parse::<Path>()?.to_token_stream())
                }
                _ => options.indexes.push(index(meta, option == "unique")?),
            }
            Ok(())
        }));
    }
    options
}

/// The path of the facade, which every name in generated code starts with.
pub(crate) fn support(facade: Option<&TokenStream>) -> TokenStream {
    match facade {
        Some(path) => quote!(#path::__derive),
        None => quote!(::anyorm::__derive),
    }
}

/// `index("city", "street")`, `unique(name = "by_city", "city", "street")`.
fn index(meta: &ParseNestedMeta<'_>, unique: bool) -> Result<NamedIndex> {
    let span = meta.path.segments[0].ident.span();
    let option = if unique { "unique" } else { "index" };
    let advice = || format!("write the fields of the index: `{option}(\"city\", \"street\")`");
    if !meta.input.peek(syn::token::Paren) {
        return Err(Error::new(span, advice()));
    }
    let content;
    parenthesized!(content in meta.input);
    let name = match content.peek(syn::Ident) {
        true => Some(index_name(&content)?),
        false => None,
    };
    let fields = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    if fields.is_empty() {
        return Err(Error::new(span, advice()));
    }
    let fields = fields.iter().map(|field| Name { text: field.value(), span: field.span() }).collect();
    Ok(NamedIndex { name, fields, unique })
}

/// `name = "by_city",`
fn index_name(input: syn::parse::ParseStream<'_>) -> Result<String> {
    let option: Ident = input.parse()?;
    if option != "name" {
        let advice = "fields are named by strings, after an optional `name = \"..\"`";
        return Err(Error::new(option.span(), format!("not expected here: {advice}")));
    }
    input.parse::<Token![=]>()?;
    let name = attr::checked(&input.parse()?)?;
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(name.text)
}

/// The table of a struct that does not name one.
pub(super) fn default_table(ident: &Ident) -> String {
    snake_case(&plain(ident))
}
