//! How much money came in, of what, and when.

use anyorm::expr::{Aggregate, lag, partition_by, window};
use anyorm::prelude::*;
use anyorm::{Derived, coalesce, sum, values};

use crate::entities::{Genre, Invoice, InvoiceLine, MediaType, Track};
use crate::shop::in_shop;

fn revenue() -> Aggregate<Option<f64>> {
    sum(InvoiceLine::UNIT_PRICE * InvoiceLine::QUANTITY.cast::<f64>())
}

/// Each year with its first day, and that of the next: a date is text here, and compared as such.
fn years() -> Derived<(i64, String, String)> {
    values((2009..=2026).map(|year| (year, format!("{year}-01-01"), format!("{}-01-01", year + 1))))
}

/// The same for months, each named by its year and number.
fn months() -> Derived<(String, String, String)> {
    let start = |at: i32| format!("{}-{:02}", 2009 + at / 12, at % 12 + 1);
    values((0..18 * 12).map(|at| (start(at), format!("{}-01", start(at)), format!("{}-01", start(at + 1)))))
}

#[test]
fn by_genre_and_year_with_running_totals() {
    in_shop(async |shop| {
        let years = years();
        let (year, first, next) = years.columns();
        let yearly = InvoiceLine::select()
            .join(InvoiceLine::INVOICE)
            .join(InvoiceLine::TRACK.then(Track::GENRE))
            .join_on(&years, Invoice::DATE.ge(first) & Invoice::DATE.lt(next))
            .group_by((Genre::NAME, year))
            .columns((Genre::NAME, year, revenue()))
            .cte();
        let (genre, year, money) = yearly.columns();
        let so_far = sum(money).over(partition_by(genre).order_by(year));
        let report = yearly.select().columns((genre, year, money, so_far)).order_by((genre, year));
        let rows = shop
            .report(
                report,
                "WITH yearly AS (
                     SELECT g.Name AS genre, CAST(substr(i.InvoiceDate, 1, 4) AS INTEGER) AS year,
                         sum(l.UnitPrice * l.Quantity) AS money
                     FROM InvoiceLine l JOIN Invoice i USING (InvoiceId) JOIN Track t USING (TrackId)
                         JOIN Genre g USING (GenreId)
                     GROUP BY genre, year)
                 SELECT genre, year, money, sum(money) OVER (PARTITION BY genre ORDER BY year)
                 FROM yearly ORDER BY genre, year",
            )
            .await?;
        let rock: Vec<_> = rows.iter().filter(|row| row.0.as_deref() == Some("Rock")).collect();
        assert_eq!(rock.len(), 5, "it sold in each year");
        assert!(rock.is_sorted_by(|one, next| one.3 < next.3), "what runs goes up");
        Ok(())
    });
}

#[test]
fn month_over_month() {
    in_shop(async |shop| {
        let months = months();
        let (month, first, next) = months.columns();
        let monthly = Invoice::select()
            .join_on(&months, Invoice::DATE.ge(first) & Invoice::DATE.lt(next))
            .group_by(month)
            .columns((month, sum(Invoice::TOTAL)))
            .cte();
        let (month, money) = monthly.columns();
        let before = lag(money, 1).over(window().order_by(month));
        let change = money - before.clone();
        let report = monthly.select().columns((month, money, before, change)).order_by(month);
        let rows = shop
            .report(
                report,
                "WITH monthly AS (
                     SELECT substr(InvoiceDate, 1, 7) AS month, sum(Total) AS money FROM Invoice GROUP BY month)
                 SELECT month, money, lag(money) OVER (ORDER BY month),
                     money - lag(money) OVER (ORDER BY month)
                 FROM monthly ORDER BY month",
            )
            .await?;
        assert_eq!(rows.len(), 60, "five years");
        assert_eq!(rows[0].2, None, "nothing came before");
        assert_eq!(rows[1].2, rows[0].1);
        Ok(())
    });
}

#[test]
fn share_of_each_media_type() {
    in_shop(async |shop| {
        // One that never sold has a share too, of nothing.
        let sold = MediaType::select()
            .left_join_on(anyorm::table::<Track>(), Track::MEDIA_TYPE_ID.eq(MediaType::ID))
            .left_join_on(anyorm::table::<InvoiceLine>(), InvoiceLine::TRACK_ID.eq(Track::ID))
            .group_by((MediaType::ID, MediaType::NAME))
            .columns((MediaType::NAME, coalesce(revenue(), 0.0)))
            .derived();
        let (name, money) = sold.columns();
        let share = money * 100.0 / sum(money).over(window());
        let report = sold.select().columns((name, money, share.optional())).order_by((money.desc(), name));
        let rows = shop
            .report(
                report,
                "SELECT name, money, money * 100.0 / sum(money) OVER ()
                 FROM (SELECT m.Name AS name, coalesce(sum(l.UnitPrice * l.Quantity), 0.0) AS money
                     FROM MediaType m LEFT JOIN Track t USING (MediaTypeId) LEFT JOIN InvoiceLine l USING (TrackId)
                     GROUP BY m.MediaTypeId, m.Name)
                 ORDER BY money DESC, name",
            )
            .await?;
        let shares: f64 = rows.iter().filter_map(|row| row.2).sum();
        assert!((shares - 100.0).abs() < 1e-9, "{shares}");
        Ok(())
    });
}
