//! Aggregates and windows.

use super::Writer;
use super::select::order;
use crate::expr::{AggregateBody, AggregateFunction, Bound, Frame, FrameUnit, Kind, Logic, Node, WindowBody};
use crate::types::ColumnType;

impl Writer<'_> {
    /// Adds an aggregate that makes one row of several.
    pub(super) fn aggregate(&mut self, body: &AggregateBody) {
        self.cast_answer(body, |out| out.of_each_row(|out| out.aggregated(body)));
    }

    /// Adds a function over a window.
    pub(super) fn over(&mut self, function: &Node, window: &WindowBody) {
        let Kind::Aggregate(body) = &function.0 else { return };
        self.cast_answer(body, |out| {
            out.aggregated(body);
            out.push(" OVER (");
            out.window(window);
            out.push(")");
        });
    }

    /// A sum of integers is of a type of its own in some databases.
    fn cast_answer(&mut self, body: &AggregateBody, write: impl FnOnce(&mut Self)) {
        match body.answer.filter(|ty| self.dialect.numeric_aggregates && *ty != ColumnType::Bool) {
            Some(ty) => {
                self.push("CAST(");
                write(self);
                self.push(" AS ").cast_name(ty).push(")");
            }
            None => write(self),
        }
    }

    fn aggregated(&mut self, body: &AggregateBody) {
        if body.answer == Some(ColumnType::Numeric) {
            self.calculates_decimals();
        }
        let name = match body.function {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Average => "avg",
            AggregateFunction::Minimum if body.answer.is_some() => self.dialect.bool_extremes[0],
            AggregateFunction::Maximum if body.answer.is_some() => self.dialect.bool_extremes[1],
            AggregateFunction::Minimum => "min",
            AggregateFunction::Maximum => "max",
            AggregateFunction::Texts(_) => self.dialect.texts[0],
            AggregateFunction::Window(name) => name,
        };
        let has_filter = !body.filter.is_empty();
        self.push(name).push(if body.distinct { "(DISTINCT " } else { "(" });
        match &body.of {
            Some(_)
                if body.answer == Some(ColumnType::Double)
                    && body.function == AggregateFunction::Average
                    && self.dialect.short_averages =>
            {
                self.push("CAST(");
                self.counted(body);
                self.push(" AS ").cast_name(ColumnType::Double).push(")");
            }
            Some(_) => self.counted(body),
            None if has_filter && !self.dialect.aggregate_filter => self.counted_if(body),
            None if matches!(body.function, AggregateFunction::Window(_)) => {}
            None => {
                self.push("*");
            }
        }
        if matches!(body.function, AggregateFunction::Texts(_))
            && body.distinct
            && !self.dialect.distinct_texts
        {
            self.lacks(
                "texts put together with each of them once",
                "select them with `.distinct()`, in a query with `.derived()`",
            );
        }
        if let AggregateFunction::Texts(separator) = body.function {
            let before = self.dialect.texts[1];
            self.push(before).text_literal(separator);
        }
        self.push(")");
        if has_filter && self.dialect.aggregate_filter {
            self.push(" FILTER (WHERE ").conditions(&body.filter);
            self.push(")");
        }
    }

    /// The argument, with its filter where there is no other place for it.
    fn counted(&mut self, body: &AggregateBody) {
        match &body.of {
            Some(of) if body.filter.is_empty() || self.dialect.aggregate_filter => self.node(of),
            _ => self.counted_if(body),
        }
    }

    /// What every aggregate leaves out is NULL.
    fn counted_if(&mut self, body: &AggregateBody) {
        self.push("CASE WHEN ");
        match &body.filter[..] {
            [one] => self.node(one),
            all => self.node(&Node(Kind::Logic { op: Logic::And, nodes: all.to_vec() })),
        }
        self.push(" THEN ");
        match &body.of {
            Some(of) => self.node(of),
            None => {
                self.push("1");
            }
        }
        self.push(" END");
    }

    fn window(&mut self, window: &WindowBody) {
        let mut before = "";
        if !window.partition_by.is_empty() {
            self.push("PARTITION BY ").separated(", ", &window.partition_by, |out, node| out.node(node));
            before = " ";
        }
        if !window.order_by.is_empty() {
            self.push(before).push("ORDER BY ").separated(", ", &window.order_by, order);
            before = " ";
        }
        if let Some(frame) = window.frame {
            self.push(before);
            self.frame(frame);
        }
    }

    fn frame(&mut self, Frame { unit, start, end }: Frame) {
        if unit == FrameUnit::Groups && !self.dialect.group_frames {
            self.lacks("frames of GROUPS", "use `.rows(..)` or `.range(..)`");
        }
        self.push(match unit {
            FrameUnit::Rows => "ROWS BETWEEN ",
            FrameUnit::Range => "RANGE BETWEEN ",
            FrameUnit::Groups => "GROUPS BETWEEN ",
        });
        self.bound_of_frame(start);
        self.push(" AND ");
        self.bound_of_frame(end);
    }

    fn bound_of_frame(&mut self, bound: Bound) {
        match bound {
            Bound::UnboundedPreceding => self.push("UNBOUNDED PRECEDING"),
            Bound::Preceding(rows) => self.number(rows.into()).push(" PRECEDING"),
            Bound::CurrentRow => self.push("CURRENT ROW"),
            Bound::Following(rows) => self.number(rows.into()).push(" FOLLOWING"),
            Bound::UnboundedFollowing => self.push("UNBOUNDED FOLLOWING"),
        };
    }
}
