//! The typed constants: `User::NAME`, `Post::AUTHOR_ID`, `User::POSTS`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::model::{BelongsTo, Column, Entity, Field, Role};
use crate::names::{constant_of_field, plain};

/// The inherent block that holds them.
pub(super) fn constants(entity: &Entity) -> TokenStream {
    let ident = &entity.ident;
    let columns = entity.columns.iter().enumerate().map(|(at, column)| of_column(entity, at, column));
    let relations = entity.relations().enumerate().map(|(at, field)| of_relation(entity, at, field));
    let embedded = entity.embedded().map(|(field, _)| of_embedded(entity, field));
    quote! {
        // A private field's type may be private too; its constant is as visible as the struct.
        #[allow(dead_code, deprecated, non_upper_case_globals, private_interfaces, unreachable_pub)]
        impl #ident {
            #(#columns)*
            #(#relations)*
            #(#embedded)*
        }
    }
}

/// The constant of an embedded field: its columns, by a method for each.
fn of_embedded(entity: &Entity, field: &Field) -> TokenStream {
    let Entity { ident, support, visibility, .. } = entity;
    let constant = Ident::new(&constant_of_field(&field.ident), field.ident.span());
    let doc = format!("The columns of the embedded field `{}`.", plain(&field.ident));
    let (ty, first) = (entity.embedded_type(field), entity.first_of(field));
    let columns = quote!(#ty::Columns<#ident, { #first }>);
    quote! {
        #[doc = #doc]
        #visibility const #constant: #columns = <#columns as #support::ColumnsFrom>::NEW;
    }
}

/// The constant of a column.
pub(super) fn of_column(entity: &Entity, at: usize, column: &Column) -> TokenStream {
    let Entity { ident, support, visibility, .. } = entity;
    let constant = &column.constant;
    let field = &entity.fields[column.field];
    let (ty, of) = match &field.role {
        Role::BelongsTo(relation) => (
            key_column(entity, relation, column.part),
            format!(", of the relation `{}`", plain(&field.ident)),
        ),
        _ => (field.ty.clone(), String::new()),
    };
    let doc = format!("The column `{}` of `{}`{of}.", column.name.text, entity.table);
    quote! {
        #[doc = #doc]
        #visibility const #constant: #support::Column<#ident, #ty> = #support::Column::new(#at);
    }
}

/// The type of a foreign key column: the target's key, or a part of it; nullable as the link is.
fn key_column(entity: &Entity, relation: &BelongsTo, part: usize) -> TokenStream {
    let support = &entity.support;
    let target = &relation.target;
    let whole = quote!(<#target as #support::Target>::Column);
    match relation.columns.len() {
        1 => whole,
        _ => quote!(<#whole as #support::KeyPart<#part>>::Type),
    }
}

/// The constant of a relation.
pub(super) fn of_relation(entity: &Entity, at: usize, field: &Field) -> TokenStream {
    let Entity { ident, support, visibility, .. } = entity;
    let constant = Ident::new(&constant_of_field(&field.ident), field.ident.span());
    let doc = format!("The relation `{}`.", plain(&field.ident));
    let (target, kind) = match &field.role {
        Role::BelongsTo(relation) => {
            let target = &relation.target;
            (quote!(<#target as #support::Target>::Entity), quote!(<#target as #support::Target>::Kind))
        }
        Role::HasMany(relation) if relation.one => (relation.target.clone(), quote!(#support::OneBack)),
        Role::HasMany(relation) => (relation.target.clone(), quote!(#support::Many)),
        Role::ManyToMany(relation) => (relation.target.clone(), quote!(#support::ManyThrough)),
        Role::Value(_) | Role::Embedded(_) => return TokenStream::new(),
    };
    quote! {
        #[doc = #doc]
        #visibility const #constant: #support::Relation<#ident, #target, #kind> =
            #support::Relation::new(<#ident as #support::Entity>::meta, #at);
    }
}
