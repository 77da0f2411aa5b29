//! Keys that are made here, before the database knows of their rows.

use super::SqlType;

/// A new UUID as a value of a type that holds one: of version 7, which begins with the time, or of version 4, which is
/// random. Those of version 7 that one process makes ascend.
///
/// # Panics
/// For a type that holds none. The derive refuses those, and all where the feature `uuid` is not on.
#[doc(hidden)]
pub fn made_uuid<T: SqlType>(by_time: bool) -> T {
    #[cfg(feature = "uuid")]
    {
        let uuid = if by_time { uuid::Uuid::now_v7() } else { uuid::Uuid::new_v4() };
        let value = crate::ValueRef::Wire(crate::WireType::Uuid, uuid.as_bytes());
        T::decode(value).unwrap_or_else(|misfit| panic!("the type holds UUIDs: {misfit:?}"))
    }
    #[cfg(not(feature = "uuid"))]
    unreachable!("no type holds a UUID without the feature (by time: {by_time})")
}
