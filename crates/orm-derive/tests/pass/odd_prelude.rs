//! A scope in which every usual name means something else.
#![no_implicit_prelude]
#![deny(warnings)]

/// The user's own, all in the way.
#[allow(dead_code, non_camel_case_types)]
mod names {
    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Vec;
    pub struct Box;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Self_;
    pub struct Default;
    pub struct Clone;
    pub struct EntityMeta;
    pub struct Column;
    pub struct Key;
    pub struct META;
    pub struct column;
    pub struct value;
    pub struct cells;
    pub struct usize;
    pub struct i64;
    pub mod core {}
    pub mod std {}
    pub mod anyorm {}
    #[macro_export]
    macro_rules! assert {
        () => {};
    }
}

#[allow(unused_imports)]
use names::*;

#[derive(::core::clone::Clone, ::anyorm::Entity)]
pub struct User {
    #[key(auto)]
    pub id: ::core::primitive::i64,
    pub name: ::std::string::String,
    pub age: ::core::option::Option<::core::primitive::i32>,
    #[column(references = User::ID, on_delete = set_null, default = 1)]
    pub boss: ::core::option::Option<::core::primitive::i64>,
    #[belongs_to(on_delete = set_null)]
    pub parent: ::anyorm::BelongsTo<::core::option::Option<User>>,
    #[has_many(User::PARENT)]
    pub children: ::anyorm::HasMany<User>,
    #[many_to_many(through = "friends", from = "a", to = "b")]
    pub friends: ::anyorm::ManyToMany<User>,
    #[version]
    pub version: ::core::primitive::i32,
}

fn main() {
    let _ = <User as ::anyorm::Entity>::meta();
}
