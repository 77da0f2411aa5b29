//! Reading the options of one attribute, the same way for all of them.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, Lit, LitBool, LitStr, Meta, Result, Token, parenthesized, token};

use crate::model::{DefaultValue, Literal, Name, OnDelete};

/// What an attribute can hold.
pub(super) struct Grammar {
    /// Its name.
    pub(super) attribute: &'static str,
    /// Its options, in the order in which messages list them.
    pub(super) options: &'static [&'static str],
    /// Those that may be given more than once.
    pub(super) repeatable: &'static [&'static str],
}

impl Grammar {
    /// Calls `read` with each option. What `read` leaves of an option is an error.
    pub(super) fn read(
        &self,
        attribute: &Attribute,
        mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
    ) -> Result<()> {
        match &attribute.meta {
            Meta::Path(_) => return Ok(()),
            Meta::List(_) => {}
            Meta::NameValue(pair) => {
                let name = self.attribute;
                return Err(Error::new_spanned(
                    pair,
                    format!("options go in parentheses: `#[{name}(..)]`; {}", self.takes()),
                ));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        attribute.parse_nested_meta(|meta| {
            let found = self.options.iter().copied().find(|option| meta.path.is_ident(option));
            let Some(option) = found else {
                let path = &meta.path;
                let written = path.segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>();
                return Err(Error::new_spanned(
                    path,
                    format!("unknown option `{}`: {}", written.join("::"), self.takes()),
                ));
            };
            if seen.contains(&option) && !self.repeatable.contains(&option) {
                return Err(Error::new_spanned(
                    &meta.path,
                    format!("`{option}` is given twice: leave one out"),
                ));
            }
            seen.push(option);
            read(option, &meta)
        })
    }

    fn takes(&self) -> String {
        let name = self.attribute;
        match self.options {
            [] => format!("`#[{name}]` takes no options"),
            [only] => format!("`#[{name}(..)]` takes only `{only}`"),
            [first @ .., last] => {
                format!("`#[{name}(..)]` takes `{}` and `{last}`", first.join("`, `"))
            }
        }
    }
}

/// `unique`, or `unique = true`.
pub(super) fn flag(meta: &ParseNestedMeta<'_>) -> Result<bool> {
    if !meta.input.peek(Token![=]) {
        return Ok(true);
    }
    Ok(meta.value()?.parse::<LitBool>()?.value)
}

/// What follows `=`; without one, the message shows what to write.
pub(super) fn value<'a>(meta: &ParseNestedMeta<'a>, example: &str) -> Result<ParseStream<'a>> {
    let option = option_name(meta);
    meta.value().map_err(|_| {
        Error::new_spanned(&meta.path, format!("`{option}` needs a value: write `{option} = {example}`"))
    })
}

/// `table = "users"`; never empty.
pub(super) fn name(meta: &ParseNestedMeta<'_>) -> Result<Name> {
    let literal = value(meta, "\"..\"")?.parse::<LitStr>().map_err(|error| {
        Error::new(error.span(), format!("not a string: write `{} = \"..\"`", option_name(meta)))
    })?;
    checked(&literal)
}

fn option_name(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// `from = "post_id"`, or `from("year", "number")`.
pub(super) fn name_or_list(meta: &ParseNestedMeta<'_>) -> Result<Vec<Name>> {
    if meta.input.peek(token::Paren) { list(meta) } else { Ok(vec![name(meta)?]) }
}

/// `columns("year", "number")`; never empty.
pub(super) fn list(meta: &ParseNestedMeta<'_>) -> Result<Vec<Name>> {
    let content;
    parenthesized!(content in meta.input);
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    if names.is_empty() {
        return Err(Error::new_spanned(&meta.path, "an empty list: write the names, as `(\"a\", \"b\")`"));
    }
    names.iter().map(checked).collect()
}

/// A literal that is a name in the database.
pub(super) fn checked(literal: &LitStr) -> Result<Name> {
    let name = Name { text: literal.value(), span: literal.span() };
    match name.text.as_str() {
        "" => Err(Error::new(name.span, "an empty name: write one, or leave the option out")),
        text if text.contains('\0') => Err(Error::new(name.span, "a name cannot contain a NUL character")),
        _ => Ok(name),
    }
}

/// `on_delete = cascade`.
pub(super) fn on_delete(meta: &ParseNestedMeta<'_>) -> Result<OnDelete> {
    let choices = "write `cascade`, `set_null` or `restrict`";
    let input = value(meta, "cascade")?;
    let at =
        input.cursor().token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let written =
        input.parse::<Ident>().map_err(|_| Error::new(at, format!("not an `on_delete`: {choices}")))?;
    let variant = match written.to_string().as_str() {
        "cascade" => "Cascade",
        "set_null" => "SetNull",
        "restrict" => "Restrict",
        other => return Err(Error::new(at, format!("unknown `on_delete` `{other}`: {choices}"))),
    };
    Ok(OnDelete { variant, span: at })
}

/// `default = 0`, `default = "new"`, `default(sql = "CURRENT_TIMESTAMP")`.
pub(super) fn default(meta: &ParseNestedMeta<'_>) -> Result<DefaultValue> {
    let span = meta.path.segments[0].ident.span();
    if meta.input.peek(token::Paren) {
        return Ok(DefaultValue { sql: default_sql(meta)?, span, literal: None });
    }
    let input = value(meta, "0")?;
    let minus = if input.peek(Token![-]) { input.parse::<Token![-]>().map(|_| "-")? } else { "" };
    let literal: Lit = input.parse()?;
    let (sql, kind) = match &literal {
        Lit::Int(number) => (format!("{minus}{}", number.base10_digits()), Literal::Integer),
        Lit::Float(number) => (format!("{minus}{}", number.base10_digits()), Literal::Float),
        Lit::Bool(flag) if minus.is_empty() => {
            (if flag.value { "TRUE" } else { "FALSE" }.to_owned(), Literal::Bool)
        }
        Lit::Str(text) if minus.is_empty() && !text.value().contains('\0') => {
            (format!("'{}'", text.value().replace('\'', "''")), Literal::Text)
        }
        _ => {
            return Err(Error::new_spanned(
                &literal,
                "not a default: write a number, `true`, `false`, a string, or `default(sql = \"..\")`",
            ));
        }
    };
    Ok(DefaultValue { sql, span, literal: Some((kind, literal.span())) })
}

fn default_sql(meta: &ParseNestedMeta<'_>) -> Result<String> {
    let advice = "write `default(sql = \"CURRENT_TIMESTAMP\")`, or a literal: `default = 0`";
    let mut sql = None;
    meta.parse_nested_meta(|inner| {
        if !inner.path.is_ident("sql") {
            return Err(inner.error(advice));
        }
        sql = Some(checked(&inner.value()?.parse()?)?.text);
        Ok(())
    })?;
    sql.ok_or_else(|| Error::new_spanned(&meta.path, advice))
}
