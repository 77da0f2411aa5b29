//! Reading the options of one attribute, the same way for all of them.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::{Attribute, Error, Ident, Lit, LitBool, LitStr, Meta, Result, Token, parenthesized, token};

use crate::model::{Name, OnDelete};

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

/// `table = "users"`; never empty.
pub(super) fn name(meta: &ParseNestedMeta<'_>) -> Result<Name> {
    checked(&meta.value()?.parse::<LitStr>()?)
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
    let input = meta.value()?;
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

/// `default = 0`, `default = "new"`, `default(sql = "CURRENT_TIMESTAMP")`: the SQL of it.
pub(super) fn default(meta: &ParseNestedMeta<'_>) -> Result<Name> {
    let span = meta.path.segments[0].ident.span();
    if meta.input.peek(token::Paren) {
        let mut sql = None;
        meta.parse_nested_meta(|inner| {
            if !inner.path.is_ident("sql") {
                return Err(
                    inner.error("write `default(sql = \"CURRENT_TIMESTAMP\")`, or a literal: `default = 0`")
                );
            }
            sql = Some(checked(&inner.value()?.parse()?)?.text);
            Ok(())
        })?;
        let text = sql.ok_or_else(|| Error::new(span, "write `default(sql = \"CURRENT_TIMESTAMP\")`"))?;
        return Ok(Name { text, span });
    }
    let input = meta.value()?;
    let minus = if input.peek(Token![-]) { input.parse::<Token![-]>().map(|_| "-")? } else { "" };
    let literal: Lit = input.parse()?;
    let text = match &literal {
        Lit::Int(number) => format!("{minus}{}", number.base10_digits()),
        Lit::Float(number) => format!("{minus}{}", number.base10_digits()),
        Lit::Bool(flag) if minus.is_empty() => if flag.value { "TRUE" } else { "FALSE" }.to_owned(),
        Lit::Str(text) if minus.is_empty() && !text.value().contains('\0') => {
            format!("'{}'", text.value().replace('\'', "''"))
        }
        _ => {
            return Err(Error::new_spanned(
                &literal,
                "not a default: write a number, `true`, `false`, a string, or `default(sql = \"..\")`",
            ));
        }
    };
    Ok(Name { text, span })
}
