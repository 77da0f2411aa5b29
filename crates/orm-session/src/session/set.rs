//! SQL expressions as values.

use orm_core::entity::Entity;
use orm_core::expr::Operand;
use orm_core::stmt::check_value;
use orm_core::{Column, Handle, Result, SqlType};

use super::Session;
use crate::state::State;

impl Session {
    /// Sets a column of one entity to an SQL expression: `session.set(account, Account::BALANCE, Account::BALANCE + 1)`.
    /// The next flush writes `SET balance = balance + 1` and reads the value back, in the same hop. Until then the field
    /// shows its old value. Does no I/O.
    ///
    /// It takes the place of what was written to the field before; another value that is written to the field later
    /// takes the place of the expression. A new entity's expression goes into its INSERT, so it cannot name columns of
    /// the row itself. A plain value is the same as an assignment to the field.
    ///
    /// # Errors
    /// For a column that is written by other means: of the key, of a relation, the version, or one that the database
    /// computes. For an expression that names columns of other tables (use a subquery), or is None where the column is
    /// NOT NULL. Nothing is changed then.
    ///
    /// # Panics
    /// If the handle is stale or of another session, or the entity is deleted.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let account = session.get_one::<Account>(1).await?;
    /// engine.execute(Account::update().set(Account::BALANCE, 70).everything()).await?; // somebody else
    /// session.set(account, Account::BALANCE, Account::BALANCE + 5)?;
    /// assert_eq!(session[account].balance, 50); // as it was read
    /// session.commit().await?; // UPDATE accounts SET balance = balance + ? WHERE id = ? RETURNING balance
    /// assert_eq!(session[account].balance, 75);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn set<E: Entity, T: SqlType, V: Operand<T::Base>>(
        &mut self,
        handle: Handle<E>,
        column: Column<E, T>,
        value: V,
    ) -> Result<()> {
        // Panics as an assignment does.
        let _ = &self[handle];
        let place = self.place(handle);
        let state = self.tracker.state(place);
        assert!(state.is_live(), "{} is deleted: it cannot be written", self.tracker.describe(place));
        let (node, position) = (value.operand(), column.position());
        check_value(E::meta(), position, &node, state == State::Pending)?;
        match node.as_value() {
            Some(value) => self.tracker.set_value(place, position, value),
            None => self.tracker.set_expression(place, position, node),
        }
        Ok(())
    }
}
