//! Checks that need the compiler's knowledge of types. Each is a constant whose evaluation fails at the user's token.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::model::{BelongsTo, Entity, Field, ManyToMany, Name, Role, Value};
use crate::names::plain;

/// All checks of an entity.
pub(super) fn guards(entity: &Entity) -> TokenStream {
    let of_field = |field: &Field| match &field.role {
        Role::Value(value) => of_value(entity, field, value),
        Role::BelongsTo(relation) => of_belongs_to(entity, field, relation),
        Role::ManyToMany(relation) => of_many_to_many(entity, relation),
        Role::Embedded(_) | Role::HasMany(_) => TokenStream::new(),
    };
    entity.fields.iter().map(of_field).collect()
}

fn of_value(entity: &Entity, field: &Field, value: &Value) -> TokenStream {
    let support = &entity.support;
    let ty = &field.ty;
    let integer = value.integer_guard.map(|message| {
        let is_integer = quote!(#support::is_integer::<#ty>());
        guard(ty.span(), &is_integer, message)
    });
    let set_null =
        value.on_delete.as_ref().filter(|on_delete| on_delete.variant == "SetNull").map(|on_delete| {
            let message = format!(
                "`set_null` needs a column that may be NULL: make `{}` an `Option`",
                plain(&field.ident)
            );
            guard(on_delete.span, &quote!(<#ty as #support::SqlType>::NULLABLE), &message)
        });
    let timestamp = value.timestamp_guard.map(|message| {
        let is_timestamp = quote!(#support::is_big_integer::<#ty>());
        guard(ty.span(), &is_timestamp, message)
    });
    let uuid = value.uuid_guard.map(|message| {
        let is_uuid = quote!(#support::is_uuid::<#ty>());
        guard(ty.span(), &is_uuid, message)
    });
    quote!(#integer #timestamp #uuid #set_null)
}

fn of_belongs_to(entity: &Entity, field: &Field, relation: &BelongsTo) -> TokenStream {
    let support = &entity.support;
    let target = &relation.target;
    let name = plain(&field.ident);
    let key = quote!(<<#target as #support::Target>::Entity as #support::Entity>::Key);
    let width = relation.columns.len();
    let message = format!(
        "`{name}` has {}, but the key it points to has another number of columns: \
         write `#[belongs_to(columns(\"..\", \"..\"))]` with one name for each of them",
        columns(width)
    );
    let width = guard(relation.columns[0].span, &quote!(<#key as #support::Key>::WIDTH == #width), &message);
    let set_null =
        relation.on_delete.as_ref().filter(|on_delete| on_delete.variant == "SetNull").map(|on_delete| {
            let message =
                format!("`set_null` needs a link that may be empty: make `{name}` a `BelongsTo<Option<..>>`");
            guard(on_delete.span, &quote!(<#target as #support::Target>::NULLABLE), &message)
        });
    quote!(#width #set_null)
}

fn of_many_to_many(entity: &Entity, relation: &ManyToMany) -> TokenStream {
    let Entity { ident, support, .. } = entity;
    let side = |names: &[Name], owner: &TokenStream, option: &str| {
        let width = names.len();
        let message = format!(
            "`{}` has {} for the key of `{owner}`, which has another number of columns: \
             write `{option}(\"..\", \"..\")` with one name for each of them",
            relation.through,
            columns(width)
        );
        let equal = quote!(<<#owner as #support::Entity>::Key as #support::Key>::WIDTH == #width);
        guard(names[0].span, &equal, &message)
    };
    let from = side(&relation.from, &quote!(#ident), "from");
    let to = side(&relation.to, &relation.target, "to");
    quote!(#from #to)
}

fn columns(count: usize) -> String {
    if count == 1 { "one column".to_owned() } else { format!("{count} columns") }
}

fn guard(span: Span, holds: &TokenStream, message: &str) -> TokenStream {
    quote_spanned!(span=> const _: () = ::core::assert!(#holds, "{}", #message);)
}
