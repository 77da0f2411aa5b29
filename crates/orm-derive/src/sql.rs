//! `sql!`: a literal whose holes become binds, names and expressions.

mod scan;

use std::collections::HashMap;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, LitStr, Result};

use crate::commas;
use crate::parse::Errors;
use scan::Segment;

/// The expansion, or the mistakes with a statement that stands in, so that what is done with it is not another error.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter();
    let facade = match tokens.next() {
        Some(TokenTree::Group(group)) => group.stream(),
        _ => return Error::new(Span::call_site(), TEXT).into_compile_error(),
    };
    expression(&facade, tokens).unwrap_or_else(|error| {
        let errors = error.into_compile_error();
        quote!({
            #errors
            #facade::__derive::SqlParts::finish(#facade::__derive::SqlParts::new())
        })
    })
}

const TEXT: &str = "`sql!` takes its text as a literal, so that nothing else becomes SQL: write values into its holes, \
                    `sql!(\"SELECT .. WHERE name = {name}\")`; a text that is made while the program runs goes to the function, \
                    `sql(Trusted(text))`";

fn expression(facade: &TokenStream, tokens: IntoIter) -> Result<TokenStream> {
    let (literal, arguments) = call(tokens)?;
    let mut errors = Errors::default();
    let mut arguments = Arguments::of(arguments, &literal, &mut errors);
    let segments = match scan::scan(&literal.value()) {
        Ok(segments) => segments,
        Err(message) => {
            errors.push(Error::new(literal.span(), message));
            Vec::new()
        }
    };
    let parts = Ident::new("__parts", Span::mixed_site());
    let mut steps = Vec::with_capacity(segments.len());
    for segment in segments {
        match segment {
            Segment::Text(text) => {
                let text = Literal::string(&text);
                steps.push(quote!(#parts.text(#text);));
            }
            Segment::Hole(written) => {
                let hole = errors.keep(arguments.hole(&written, &literal));
                steps.extend(hole.map(|(value, span)| quote_spanned!(span=> #parts.hole(#value);)));
            }
        }
    }
    // An argument whose hole is wrong is not an unused one.
    errors.finish().map_or_else(|| arguments.check_unused(), Err)?;
    let (names, values): (Vec<_>, Vec<_>) =
        arguments.all.iter().map(|known| (&known.ident, &known.value)).unzip();
    // Matched, not bound: what is temporary in an argument lives to the end of the match.
    Ok(quote! {
        match (#(&(#values),)*) {
            (#(#names,)*) => {
                let mut #parts = #facade::__derive::SqlParts::new();
                #(#steps)*
                #facade::__derive::SqlParts::finish(#parts)
            }
        }
    })
}

/// The literal, and what follows it.
fn call(mut tokens: IntoIter) -> Result<(LitStr, TokenStream)> {
    let Some(first) = tokens.next() else { return Err(Error::new(Span::call_site(), TEXT)) };
    let span = first.span();
    let literal = syn::parse2::<LitStr>(first.into_token_stream()).map_err(|_| Error::new(span, TEXT))?;
    match tokens.next() {
        None => {}
        Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
        // `concat!(..)`, or `"a" + b`.
        Some(other) => return Err(Error::new(other.span(), TEXT)),
    }
    Ok((literal, tokens.collect()))
}

/// What follows the literal.
struct Arguments {
    all: Vec<Argument>,
    /// Those that have a name.
    named: HashMap<String, usize>,
    /// Those that have none, in order, and how many of them are used.
    plain: Vec<usize>,
    taken: usize,
}

struct Argument {
    /// The variable that holds a reference to it.
    ident: Ident,
    value: TokenStream,
    span: Span,
    used: bool,
}

impl Arguments {
    fn of(tokens: TokenStream, literal: &LitStr, errors: &mut Errors) -> Self {
        let mut arguments = Self { all: Vec::new(), named: HashMap::new(), plain: Vec::new(), taken: 0 };
        for (at, value) in commas::split(tokens).into_iter().enumerate() {
            let (name, value) = named(value);
            let span = value.span();
            if value.is_empty() {
                let message =
                    "an argument is missing between two commas: write a value there, or leave a comma out";
                errors.push(Error::new(literal.span(), message));
                continue;
            }
            match name {
                Some(name) => {
                    if arguments.named.insert(name.to_string(), at).is_some() {
                        errors
                            .push(Error::new(name.span(), format!("`{name}` is given twice: leave one out")));
                    }
                }
                None => arguments.plain.push(arguments.all.len()),
            }
            let ident = Ident::new(&format!("__argument_{at}"), Span::mixed_site().located_at(span));
            arguments.all.push(Argument { ident, value, span, used: false });
        }
        arguments
    }

    /// A reference to what a hole holds, and where an error about it is told.
    fn hole(&mut self, written: &str, literal: &LitStr) -> Result<(TokenStream, Span)> {
        let at_literal = |message: String| Err(Error::new(literal.span(), message));
        let name = written.trim();
        if name.is_empty() {
            let Some(&at) = self.plain.get(self.taken) else {
                let holes = if self.taken == 0 { "" } else { "another " };
                return at_literal(format!(
                    "{holes}hole `{{}}` has no argument: write its value behind the text, `sql!(\"..\", value)`, or the name of \
                     a variable into the braces"
                ));
            };
            self.taken += 1;
            return Ok(self.take(at));
        }
        if let Some(&at) = self.named.get(name) {
            return Ok(self.take(at));
        }
        if name.chars().all(|digit| digit.is_ascii_digit()) {
            return at_literal(format!(
                "`{{{name}}}` is no hole: arguments are taken in their order, by `{{}}`, or by a name, `sql!(\"{{a}}\", a = ..)`"
            ));
        }
        let path = name.split("::").map(str::trim).collect::<Vec<_>>();
        if path.iter().any(|part| part.contains(':')) {
            return at_literal(format!(
                "`{{{name}}}`: a value is bound, not formatted: leave out the `:` and what follows it"
            ));
        }
        let idents = path.into_iter().map(syn::parse_str::<PathPart>);
        let Ok(idents) = idents.collect::<Result<Vec<_>>>() else {
            return at_literal(format!(
                "`{{{name}}}` is no name or path: write `{{}}`, and `{name}` behind the text; for a brace of SQL, `{{{{` or `}}}}`"
            ));
        };
        let span = literal.span();
        let idents = idents.into_iter().map(|PathPart(mut ident)| {
            ident.set_span(span);
            ident
        });
        Ok((quote_spanned!(span=> &#(#idents)::*), span))
    }

    fn take(&mut self, at: usize) -> (TokenStream, Span) {
        let argument = &mut self.all[at];
        argument.used = true;
        (argument.ident.to_token_stream(), argument.span)
    }

    fn check_unused(&self) -> Result<()> {
        let message = "no hole of the text takes this argument: write `{}` where it belongs, or leave it out";
        let unused = self.all.iter().filter(|argument| !argument.used);
        let all = unused.map(|argument| Error::new(argument.span, message)).reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

/// A part of a path, `self` and `crate` included.
struct PathPart(Ident);

impl syn::parse::Parse for PathPart {
    fn parse(input: syn::parse::ParseStream<'_>) -> Result<Self> {
        use syn::ext::IdentExt;
        Ident::parse_any(input).map(Self)
    }
}

/// `name = value`, apart.
fn named(tokens: TokenStream) -> (Option<Ident>, TokenStream) {
    let mut rest = tokens.clone().into_iter();
    let (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(equals))) = (rest.next(), rest.next()) else {
        return (None, tokens);
    };
    if equals.as_char() != '=' || equals.spacing() != proc_macro2::Spacing::Alone {
        return (None, tokens);
    }
    (Some(name), rest.collect())
}
