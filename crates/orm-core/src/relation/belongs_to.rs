//! The field of a relation to one: a key, a handle, or a new value.

use std::any::Any;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{OneLink, OneState};
use crate::cells::Cells;
use crate::entity::{Entity, Key, Target};
use crate::handle::{Handle, RawHandle};
use crate::row::{CellsRow, ColumnError, Row};
use crate::value::ValueRef;

/// The end of a relation to one entity, kept in the foreign key columns of this one.
///
/// A row gives it a key. A session gives it a handle when the target is loaded with it, or when a program assigns
/// one: `post.author = ada.into()`. It also takes a new value, `User { .. }.into()`, which `add` takes in.
///
/// `BelongsTo<Option<User>>` may be empty; its default is empty. A `BelongsTo<User>` that is still empty when it is
/// flushed is an error that names the field.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// let mary = User { name: "Mary".into(), ..Default::default() };
/// let posts = session.add_all([
///     Post { author: ada.into(), ..Default::default() },               // a handle
///     Post { author: BelongsTo::to_key(2), ..Default::default() },     // a key
///     Post { author: mary.into(), ..Default::default() },              // a new value
/// ]);
/// session.commit().await?;
/// let authors: Vec<_> = posts.iter().map(|&post| session[post].author.key().copied()).collect();
/// assert_eq!(authors, [Some(1), Some(2), Some(3)]);
/// # Ok(()) });
/// ```
pub struct BelongsTo<T: Target> {
    end: End<T::Entity>,
}

enum End<E: Entity> {
    Empty,
    Key(E::Key),
    Handle(Handle<E>, Option<E::Key>),
    New(Box<E>),
}

impl<T: Target> BelongsTo<T> {
    const fn of(end: End<T::Entity>) -> Self {
        Self { end }
    }

    /// A link to the row of this key, whether or not a session has loaded it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.add(Post { title: "Sketch".into(), author: BelongsTo::to_key(2), ..Default::default() });
    /// session.commit().await?; // Grace herself was never read
    /// assert_eq!(engine.count(Post::select().filter(Post::AUTHOR_ID.eq(2))).await?, 1);
    /// # Ok(()) });
    /// ```
    pub fn to_key(key: impl crate::entity::KeyArg<<T::Entity as Entity>::Key>) -> Self {
        Self::of(End::Key(key.into_key()))
    }

    /// The target's key, if it is known: not for a handle to a new entity before its flush.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let post = engine.first(Post::select().order_by(Post::ID)).await?.expect("there are posts");
    /// assert_eq!(post.author.key(), Some(&1));
    /// # Ok(()) });
    /// ```
    pub fn key(&self) -> Option<&<T::Entity as Entity>::Key> {
        match &self.end {
            End::Key(key) | End::Handle(_, Some(key)) => Some(key),
            _ => None,
        }
    }

    /// The target's handle, if it was loaded with a session or assigned.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.get_one::<Post>(1).await?;
    /// assert_eq!(session[notes].author.handle(), None); // a row knows the key only
    /// session.load(&[notes], Post::AUTHOR).await?;
    /// let ada = session[notes].author.handle().expect("loaded just now");
    /// assert_eq!(session[ada].name, "Ada");
    /// # Ok(()) });
    /// ```
    pub fn handle(&self) -> Option<Handle<T::Entity>> {
        match self.end {
            End::Handle(handle, _) => Some(handle),
            _ => None,
        }
    }

    /// The new value, if one was put in and no session has taken it yet.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// use anyorm::prelude::*;
    ///
    /// let mary = User { name: "Mary".into(), ..Default::default() };
    /// let mut post = Post { author: mary.into(), ..Default::default() };
    /// assert_eq!(post.author.value().map(|user| &*user.name), Some("Mary"));
    /// post.author = BelongsTo::to_key(1);
    /// assert!(post.author.value().is_none());
    /// ```
    pub fn value(&self) -> Option<&T::Entity> {
        match &self.end {
            End::New(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it points nowhere.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// use anyorm::prelude::*;
    ///
    /// let mut post = Post::default();
    /// assert!(post.author.is_empty());
    /// post.author = BelongsTo::to_key(1);
    /// assert!(!post.author.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        matches!(self.end, End::Empty)
    }

    /// Adds one foreign key column to a parameter row; NULL where the key is not known.
    #[doc(hidden)]
    pub fn encode_part(&self, part: usize, cells: &mut Cells) {
        match self.key() {
            Some(key) => key.encode_part(part, cells),
            None => cells.null(),
        }
    }

    /// Adds the foreign key columns, the first of which is `first`, if one of them would be stored otherwise than another
    /// link's.
    #[doc(hidden)]
    pub fn differences(&self, other: &Self, first: usize, columns: &mut Vec<u16>) {
        if self.key() == other.key() {
            return;
        }
        let width = <T::Entity as Entity>::Key::WIDTH;
        let differs = |part| {
            !Cells::stores_same(|cells| self.encode_part(part, cells), |cells| other.encode_part(part, cells))
        };
        // All or none: a key that one half of the old and one half of the new make is another row's.
        if (0..width).any(differs) {
            columns.extend((first..first + width).map(|column| column as u16));
        }
    }

    /// Writes one of the foreign key columns, as the row has it: the link leads where it led, under another key. NULL
    /// empties it. Does nothing to a link that has no key of several columns yet, as one of them is not a key.
    #[doc(hidden)]
    pub fn assign_part(&mut self, part: usize, value: ValueRef<'_>) -> Result<(), ColumnError> {
        let width = <T::Entity as Entity>::Key::WIDTH;
        if value == ValueRef::Null {
            self.end = End::Empty;
            return Ok(());
        }
        if self.key().is_none() && width > 1 {
            return Ok(());
        }
        let mut cells = Cells::default();
        for at in 0..width {
            match at == part {
                true => cells.value_ref(value),
                false => self.encode_part(at, &mut cells),
            }
        }
        let key = <<T::Entity as Entity>::Key as Key>::decode(&Row::new(&CellsRow(cells)), 0)?;
        self.end = match &self.end {
            End::Handle(handle, _) => End::Handle(*handle, Some(key)),
            _ => End::Key(key),
        };
        Ok(())
    }

    /// Reads the foreign key columns: empty if one of them is NULL.
    #[doc(hidden)]
    pub fn decode(row: &Row<'_>, at: usize) -> Result<Self, ColumnError> {
        if T::NULLABLE {
            for part in 0..<T::Entity as Entity>::Key::WIDTH {
                if row.value(at + part)? == ValueRef::Null {
                    return Ok(Self::default());
                }
            }
        }
        <<T::Entity as Entity>::Key as Key>::decode(row, at).map(|key| Self::of(End::Key(key)))
    }
}

impl<T: Target> Default for BelongsTo<T> {
    fn default() -> Self {
        Self::of(End::Empty)
    }
}

impl<T: Target> Clone for BelongsTo<T> {
    fn clone(&self) -> Self {
        Self::of(match &self.end {
            End::Empty => End::Empty,
            End::Key(key) => End::Key(key.clone()),
            End::Handle(handle, key) => End::Handle(*handle, key.clone()),
            End::New(value) => End::New(value.clone()),
        })
    }
}

impl<T: Target> fmt::Debug for BelongsTo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            End::Empty => f.write_str("None"),
            End::Key(key) => key.fmt(f),
            End::Handle(handle, Some(key)) => write!(f, "{key:?} ({handle:?})"),
            End::Handle(handle, None) => handle.fmt(f),
            End::New(_) => write!(f, "new {}", T::Entity::meta().name),
        }
    }
}

/// Equal if both point to the same handle, or to the same key. New values are never equal.
impl<T: Target> PartialEq for BelongsTo<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.end, &other.end) {
            (End::Empty, End::Empty) => true,
            (End::Handle(a, _), End::Handle(b, _)) => a == b,
            _ => self.key().is_some() && self.key() == other.key(),
        }
    }
}

impl<E: Entity> From<Handle<E>> for BelongsTo<E> {
    fn from(handle: Handle<E>) -> Self {
        Self::of(End::Handle(handle, None))
    }
}

impl<E: Entity> From<Handle<E>> for BelongsTo<Option<E>> {
    fn from(handle: Handle<E>) -> Self {
        Self::of(End::Handle(handle, None))
    }
}

impl<E: Entity> From<Option<Handle<E>>> for BelongsTo<Option<E>> {
    fn from(handle: Option<Handle<E>>) -> Self {
        handle.map(Into::into).unwrap_or_default()
    }
}

impl<E: Entity> From<E> for BelongsTo<E> {
    fn from(value: E) -> Self {
        Self::of(End::New(Box::new(value)))
    }
}

impl<E: Entity> From<E> for BelongsTo<Option<E>> {
    fn from(value: E) -> Self {
        Self::of(End::New(Box::new(value)))
    }
}

impl<T: Target> Serialize for BelongsTo<T>
where
    <T::Entity as Entity>::Key: Serialize,
{
    /// As the target's key, or null where it is not known.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.key().serialize(serializer)
    }
}

impl<'de, T: Target> serde::Deserialize<'de> for BelongsTo<T>
where
    <T::Entity as Entity>::Key: serde::Deserialize<'de>,
{
    /// From the target's key, or null.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = <Option<<T::Entity as Entity>::Key>>::deserialize(deserializer)?;
        Ok(Self::of(key.map_or(End::Empty, End::Key)))
    }
}

impl<T: Target> OneLink for BelongsTo<T> {
    fn state(&self) -> OneState<'_> {
        match &self.end {
            End::Empty => OneState::Empty,
            End::Key(key) => OneState::Key(key),
            End::Handle(handle, key) => {
                OneState::Handle(handle.raw(), key.as_ref().map(|key| key as &dyn Any))
            }
            End::New(_) => OneState::New,
        }
    }

    fn set_empty(&mut self) {
        self.end = End::Empty;
    }

    fn set_key(&mut self, key: &dyn Any) {
        if let Some(key) = key.downcast_ref::<<T::Entity as Entity>::Key>() {
            self.end = End::Key(key.clone());
        }
    }

    fn set_handle(&mut self, handle: RawHandle, key: Option<&dyn Any>) {
        self.end = End::Handle(Handle::from_raw(handle), key.and_then(|key| key.downcast_ref()).cloned());
    }

    fn attach(&mut self, handle: RawHandle, key: &dyn Any) {
        match std::mem::replace(&mut self.end, End::Empty) {
            End::Key(own) if key.downcast_ref() == Some(&own) => {
                self.end = End::Handle(Handle::from_raw(handle), Some(own));
            }
            other => self.end = other,
        }
    }

    fn forget_handle(&mut self) {
        if let End::Handle(_, Some(key)) = &self.end {
            self.end = End::Key(key.clone());
        }
    }

    fn save(&self) -> Box<dyn Any + Send> {
        Box::new(self.clone())
    }

    fn restore(&mut self, saved: &dyn Any) {
        if let Some(saved) = saved.downcast_ref::<Self>() {
            self.clone_from(saved);
        }
    }

    fn take_new(&mut self) -> Option<Box<dyn Any + Send>> {
        match std::mem::replace(&mut self.end, End::Empty) {
            End::New(value) => Some(value),
            other => {
                self.end = other;
                None
            }
        }
    }
}
