//! INSERT .. ON CONFLICT: what becomes of a row that is there already.

use std::fmt;
use std::marker::PhantomData;

use super::scope::Scope;
use super::{Compound, Insert, Rowset, Select};
use crate::column::Column;
use crate::entity::{Entity, EntityMeta};
use crate::error::{Error, Result};
use crate::expr::{Condition, Expr, Holds, Kind, Node, Operand};
use crate::query::{FromRow, Values};
use crate::types::SqlType;

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
    /// These values, if the row that is there meets the conditions.
    Set {
        set: Vec<(usize, Node)>,
        filter: Vec<Node>,
    },
}

/// What is written into the row that is there already. Given to the closure of [`OnConflict::do_set`].
#[must_use = "say what is written, with `.set(..)` or `.columns(..)`"]
pub struct ConflictUpdate<E> {
    set: Vec<(usize, Node)>,
    filter: Vec<Node>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Entity> ConflictUpdate<E> {
    /// Writes a value, or an expression: columns of `E` are those of the row that is there, [`excluded`] those of the row
    /// that was to be inserted.
    pub fn set<T: SqlType, V: Operand<T::Base>>(mut self, column: Column<E, T>, value: V) -> Self {
        self.set.push((column.position(), value.operand()));
        self
    }

    /// Writes these columns as they were to be inserted.
    pub fn columns(mut self, columns: impl Columns<E>) -> Self {
        let new = |position| (position, Node(Kind::Excluded { entity: E::meta(), position }));
        self.set.extend(columns.positions().into_iter().map(new));
        self
    }

    /// Leaves the row as it is unless it meets a condition. Repeated, all of the conditions.
    pub fn filter(mut self, condition: impl Condition) -> Self {
        self.filter.push(condition.condition());
        self
    }
}

impl<E> fmt::Debug for ConflictUpdate<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConflictUpdate").field("set", &self.set).field("filter", &self.filter).finish()
    }
}

/// In [`OnConflict::do_set`]: the value that was to be inserted into a column.
pub fn excluded<E: Entity, T>(column: Column<E, T>) -> Expr<T> {
    Expr::of(Kind::Excluded { entity: E::meta(), position: column.position() })
}

/// Columns of `E` that rows of `V` fit into: [`Insert::from_select`].
#[diagnostic::on_unimplemented(
    message = "rows of `{V}` do not fit into these columns of `{E}`",
    label = "as many columns as are selected, each of the type of its column",
    note = "write `User::NAME`, or `(User::NAME, User::AGE)`, and select values of the same types in the same order"
)]
pub trait FilledBy<E, V>: Columns<E> {}

/// A query whose rows fit into columns of `E`.
pub trait Fills<E, C>: Rowset {}

impl<E, C: FilledBy<E, V>, F, V: FromRow> Fills<E, C> for Select<F, Values<V>> {}
impl<E, C: FilledBy<E, V>, V: FromRow> Fills<E, C> for Compound<Values<V>> {}

impl<E: Entity, T: SqlType, V: SqlType + Holds<T::Base>> FilledBy<E, V> for Column<E, T> {}

macro_rules! filled {
    ($($part:ident $value:ident),*) => {
        impl<E: Entity, $($part: SqlType, $value: SqlType + Holds<$part::Base>),*> FilledBy<E, ($($value,)*)>
            for ($(Column<E, $part>,)*)
        {
        }
    };
}

filled!(A Q);
filled!(A Q, B R);
filled!(A Q, B R, C S);
filled!(A Q, B R, C S, D T);
filled!(A Q, B R, C S, D T, F U);
filled!(A Q, B R, C S, D T, F U, G V);
filled!(A Q, B R, C S, D T, F U, G V, H W);
filled!(A Q, B R, C S, D T, F U, G V, H W, I X);

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

    /// Writes into the row that is there what the closure says: a counter that goes up, the greater of two values. The
    /// version of an entity that has one is raised.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// use anyorm::excluded;
    ///
    /// let paid_in = [Account { id: 1, balance: 5 }, Account { id: 9, balance: 7 }];
    /// let upsert = Account::insert().values(paid_in).on_conflict(Account::ID).do_set(|account| {
    ///     account.set(Account::BALANCE, Account::BALANCE + excluded(Account::BALANCE))
    /// });
    /// engine.execute(upsert).await?;
    /// let balances = Account::select().columns(Account::BALANCE).order_by(Account::ID);
    /// assert_eq!(engine.all(balances).await?, [55, 0, 7]);
    /// # Ok(()) });
    /// ```
    pub fn do_set(self, update: impl FnOnce(ConflictUpdate<E>) -> ConflictUpdate<E>) -> Insert<E, S> {
        let start = ConflictUpdate { set: Vec::new(), filter: Vec::new(), entity: PhantomData };
        let ConflictUpdate { set, filter, .. } = update(start);
        self.with(Action::Set { set, filter })
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
    /// Every expression in it.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let (set, filter): (&[_], &[_]) = match &self.action {
            Action::Set { set, filter } => (set, filter),
            _ => (&[], &[]),
        };
        set.iter().map(|(_, value)| value).chain(filter)
    }

    /// The columns whose values tell rows of the entity apart, each set of them; the key is left out where the database
    /// gives it.
    pub(crate) fn unique_sets(entity: &EntityMeta, keyed: bool) -> Vec<Vec<usize>> {
        let key = (keyed || !entity.auto_key).then(|| entity.key.to_vec());
        let single = (0..entity.columns.len()).filter(|&at| entity.columns[at].unique).map(|at| vec![at]);
        let several = entity.indexes.iter().filter(|index| index.unique).map(|index| index.columns.to_vec());
        key.into_iter().chain(single).chain(several).collect()
    }

    /// Refuses columns that tell no row apart, and columns that are not written.
    pub(super) fn check(&self, entity: &'static EntityMeta) -> Result<()> {
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
        let columns = match &self.action {
            Action::Nothing | Action::UpdateAll => return Ok(()),
            Action::Update(columns) => columns,
            Action::Set { set, filter } => {
                if set.is_empty() {
                    return Err(Error::build(format!(
                        "`do_set` of {} writes nothing: say what, with `.set(column, value)`, or use `do_nothing()`",
                        entity.name
                    )));
                }
                super::set::check(entity, set)?;
                let scope = Scope::upsert(entity);
                let nodes = set.iter().map(|(_, value)| value).chain(filter);
                return nodes.into_iter().try_for_each(|node| scope.check(node));
            }
        };
        super::set::check_columns(entity, columns)
    }
}
