//! Who reports to whom.

use anyorm::prelude::*;
use anyorm::recursive_all;

use crate::entities::Employee;
use crate::shop::in_shop;

/// The path from the top is two digits for each level, so that a manager comes before those below.
#[test]
fn hierarchy_with_depth_and_path() {
    in_shop(async |shop| {
        let top = Employee::select().filter(Employee::REPORTS_TO.is_null()).columns((
            Employee::ID,
            Employee::LAST_NAME,
            Employee::ID - Employee::ID,
            Employee::ID * 1,
        ));
        let tree =
            recursive_all(top, |found| {
                let (manager, _, depth, path) = found.columns();
                found
                    .select()
                    .join_on(anyorm::table::<Employee>(), Employee::REPORTS_TO.eq(manager))
                    .columns((Employee::ID, Employee::LAST_NAME, depth + 1, path * 100 + Employee::ID))
            });
        let (_, _, depth, path) = tree.columns();
        let rows = shop
            .report(
                tree.select().order_by((path.cast::<String>(), depth)),
                "WITH RECURSIVE tree (id, name, depth, path) AS (
                     SELECT EmployeeId, LastName, 0, EmployeeId FROM Employee WHERE ReportsTo IS NULL
                     UNION ALL
                     SELECT e.EmployeeId, e.LastName, depth + 1, path * 100 + e.EmployeeId
                     FROM tree JOIN Employee e ON e.ReportsTo = tree.id)
                 SELECT id, name, depth, path FROM tree ORDER BY CAST(path AS TEXT), depth",
            )
            .await?;
        assert_eq!(rows.len() as u64, shop.engine.count(Employee::select()).await?, "everyone has a place");
        assert_eq!((rows[0].1.as_str(), rows[0].2), ("Adams", 0));
        assert_eq!(rows.iter().map(|row| row.2).max(), Some(2));
        Ok(())
    });
}
