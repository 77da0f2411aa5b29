//! INSERT .. ON CONFLICT: what becomes of a row that is there already.

use std::fmt;

use super::Insert;
use crate::column::Column;
use crate::entity::{Entity, EntityMeta};
use crate::error::{Error, Result};

/// An insert that is about to say what becomes of rows that are there already. Made by [`Insert::on_conflict`].
#[must_use = "say what to do: `.do_update(..)`, `.do_update_all()` or `.do_nothing()`"]
pub struct OnConflict<E, S> {
    pub(super) insert: Insert<E, S>,
    pub(super) target: Vec<usize>,
}

/// What an insert does instead of failing.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    /// The columns that tell which row is meant.
    pub(crate) target: Vec<usize>,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Nothing,
    /// These columns are written.
    Update(Vec<usize>),
    /// All that the insert writes.
    UpdateAll,
}

/// One column of `E`, or a tuple of up to eight.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column of `{E}`, nor a tuple of some",
    note = "write `User::EMAIL`, or `(User::EMAIL, User::NAME)`"
)]
pub trait Columns<E> {
    /// Their positions.
    #[doc(hidden)]
    fn positions(self) -> Vec<usize>;
}

impl<E: Entity, T> Columns<E> for Column<E, T> {
    fn positions(self) -> Vec<usize> {
        vec![self.position()]
    }
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<E: Entity, $($part),*> Columns<E> for ($(Column<E, $part>,)*) {
            fn positions(self) -> Vec<usize> {
                vec![$(self.$at.position()),*]
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, F 4);
tuple!(A 0, B 1, C 2, D 3, F 4, G 5);
tuple!(A 0, B 1, C 2, D 3, F 4, G 5, H 6);
tuple!(A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7);

impl<E: Entity, S> OnConflict<E, S> {
    /// Leaves the row that is there as it is. A RETURNING answers the rows that were inserted, not those.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let tags = ["math", "engines"].map(|name| Tag { name: name.into(), ..Default::default() });
    /// let insert = Tag::insert().values(tags).on_conflict(Tag::NAME).do_nothing();
    /// let new: Vec<String> = engine.all(insert.returning(Tag::NAME)).await?;
    /// assert_eq!(new, ["engines"]);
    /// # Ok(()) });
    /// ```
    pub fn do_nothing(self) -> Insert<E, S> {
        self.with(Action::Nothing)
    }

    /// Writes these columns of the new row into the one that is there. The version of an entity that has one is raised.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let ada = User { email: "ada@example.org".into(), name: "Ada Lovelace".into(), ..Default::default() };
    /// let upsert = User::insert().value(ada).on_conflict(User::EMAIL).do_update((User::NAME, User::AGE));
    /// let ada: User = engine.one(upsert.returning_all()).await?;
    /// assert_eq!((ada.id, &*ada.name, ada.age), (1, "Ada Lovelace", None));
    /// # Ok(()) });
    /// ```
    pub fn do_update(self, columns: impl Columns<E>) -> Insert<E, S> {
        self.with(Action::Update(columns.positions()))
    }

    /// Writes all columns of the new row into the one that is there, but for its key and what the insert leaves to the
    /// database. The version of an entity that has one is raised.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let accounts = [Account { id: 2, balance: 20 }, Account { id: 3, balance: 30 }];
    /// engine.execute(Account::insert().values(accounts).on_conflict(Account::ID).do_update_all()).await?;
    /// let balances = engine.all(Account::select().columns(Account::BALANCE).order_by(Account::ID)).await?;
    /// assert_eq!(balances, [50, 20, 30]);
    /// # Ok(()) });
    /// ```
    pub fn do_update_all(self) -> Insert<E, S> {
        self.with(Action::UpdateAll)
    }

    fn with(self, action: Action) -> Insert<E, S> {
        let Self { mut insert, target } = self;
        insert.body.conflict = Some(Conflict { target, action });
        insert
    }
}

impl<E, S> fmt::Debug for OnConflict<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnConflict").field("insert", &self.insert).field("target", &self.target).finish()
    }
}

impl Conflict {
    /// Refuses columns that tell no row apart, and columns that are not written.
    pub(super) fn check(&self, entity: &EntityMeta) -> Result<()> {
        let same = |columns: &[usize]| {
            columns.len() == self.target.len() && columns.iter().all(|column| self.target.contains(column))
        };
        let single = matches!(self.target[..], [column] if entity.columns[column].unique);
        let several = entity.indexes.iter().any(|index| index.unique && same(index.columns));
        if !(same(entity.key) || single || several) {
            let fields: Vec<&str> = self.target.iter().map(|&at| entity.columns[at].field).collect();
            return Err(Error::build(format!(
                "`on_conflict` of {} names {}, which is neither the key nor unique: add `#[column(unique)]`, or \
                 `unique(..)` to `#[entity(..)]`",
                entity.name,
                fields.join(", ")
            )));
        }
        let Action::Update(columns) = &self.action else { return Ok(()) };
        match columns.iter().find(|column| entity.generated.contains(column)) {
            Some(&column) => Err(super::set::computed(entity, column)),
            None => Ok(()),
        }
    }
}
