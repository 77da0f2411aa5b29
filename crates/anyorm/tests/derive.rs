//! What the derive makes of a struct: metadata, constants, keys, and the way between fields and rows.

#[path = "derive/entities.rs"]
mod entities;
#[path = "derive/enums.rs"]
mod enums;
#[path = "derive/fake_row.rs"]
mod fake_row;
#[path = "derive/keys.rs"]
mod keys;
#[path = "derive/metadata.rs"]
mod metadata;
#[path = "derive/newtypes.rs"]
mod newtypes;
#[path = "derive/rows.rs"]
mod rows;
