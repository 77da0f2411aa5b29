//! The fields that are collections: `HasMany` and `ManyToMany`.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Serialize, Serializer};

use super::Collection;
use crate::entity::Entity;
use crate::handle::Handle;

macro_rules! field {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<E: Entity>(Collection<E>);

        impl<E: Entity> $name<E> {
            /// The collection of a row: its members were not read.
            #[doc(hidden)]
            pub const fn not_loaded() -> Self {
                Self(Collection::not_loaded())
            }
        }

        impl<E: Entity> Deref for $name<E> {
            type Target = Collection<E>;

            fn deref(&self) -> &Collection<E> {
                &self.0
            }
        }

        impl<E: Entity> DerefMut for $name<E> {
            fn deref_mut(&mut self) -> &mut Collection<E> {
                &mut self.0
            }
        }

        impl<E: Entity> Default for $name<E> {
            fn default() -> Self {
                Self(Collection::default())
            }
        }

        impl<E: Entity> Clone for $name<E> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<E: Entity> fmt::Debug for $name<E> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<E: Entity> PartialEq for $name<E> {
            fn eq(&self, other: &Self) -> bool {
                self.0 == other.0
            }
        }

        impl<E: Entity> From<Vec<E>> for $name<E> {
            /// New values, taken in by `add`.
            fn from(values: Vec<E>) -> Self {
                Self(Collection::replaced(Vec::new(), values))
            }
        }

        impl<E: Entity> From<Vec<Handle<E>>> for $name<E> {
            /// Entities of the session, as the whole collection.
            fn from(members: Vec<Handle<E>>) -> Self {
                members.into_iter().collect()
            }
        }

        impl<E: Entity> FromIterator<Handle<E>> for $name<E> {
            fn from_iter<I: IntoIterator<Item = Handle<E>>>(members: I) -> Self {
                let mut collection = Collection::replaced(Vec::new(), Vec::new());
                for member in members {
                    collection.push(member);
                }
                Self(collection)
            }
        }

        impl<'a, E: Entity> IntoIterator for &'a $name<E> {
            type Item = &'a Handle<E>;
            type IntoIter = std::slice::Iter<'a, Handle<E>>;

            #[track_caller]
            fn into_iter(self) -> Self::IntoIter {
                self.0.iter()
            }
        }

        impl<E: Entity> Serialize for $name<E>
        where
            E::Key: Serialize,
        {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de, E: Entity> serde::Deserialize<'de> for $name<E> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Collection::deserialize(deserializer).map(Self)
            }
        }
    };
}

field! {
    /// The many entities whose `belongs_to` points here: `#[has_many(Post::AUTHOR)] posts: HasMany<Post>`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let post = |title: &str| Post { title: title.into(), ..Default::default() };
    /// let mary = User { name: "Mary".into(), posts: vec![post("One"), post("Two")].into(), ..Default::default() };
    /// let mary = session.add(mary); // and her posts
    /// session.commit().await?;
    /// for &post in session[mary].posts.iter() {
    ///     assert_eq!(session[post].author.handle(), Some(mary));
    /// }
    /// # Ok(()) });
    /// ```
    HasMany
}

field! {
    /// The many entities paired with this one in a table of links: `#[many_to_many(through = "post_tags")]`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.one(Post::select().filter(Post::ID.eq(1)).with(Post::TAGS)).await?;
    /// let poetry = session.get_one::<Tag>(2).await?;
    /// session[notes].tags = vec![poetry].into(); // instead of math
    /// assert_eq!(session.changes()?.to_string(), "unlink Post 1: tags Tag 1\nlink Post 1: tags Tag 2");
    /// session.commit().await?;
    /// # Ok(()) });
    /// ```
    ManyToMany
}
