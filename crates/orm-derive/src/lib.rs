//! The `Entity` derive of anyorm.

use proc_macro::TokenStream;

/// Makes a struct an entity.
#[proc_macro_derive(Entity, attributes(entity, key, column, version, belongs_to, has_many, many_to_many))]
pub fn derive_entity(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
