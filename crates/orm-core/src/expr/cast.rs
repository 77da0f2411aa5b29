//! CAST, by the rules that Rust has for numbers: databases disagree about them.

use super::{Function, Kind, Node};
use crate::types::ColumnType;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Integer,
    Float,
    Decimal,
    Bool,
    Other,
}

pub(super) fn cast(of: Node, from: ColumnType, to: ColumnType) -> Node {
    let of = match (class(from), class(to)) {
        // Some round here.
        (Class::Float | Class::Decimal, Class::Integer) => {
            Node(Kind::Call { function: Function::WholePart, arguments: vec![of] })
        }
        (Class::Integer | Class::Float | Class::Decimal, Class::Bool) => {
            let zero = Node(Kind::Literal(0)).boxed();
            let is_set = Node(Kind::Compare { op: "<>", left: of.boxed(), right: zero });
            return if class(from) == Class::Decimal { Node(Kind::Exact(is_set.boxed())) } else { is_set };
        }
        // Some know that of one type of integers only.
        (Class::Bool, Class::Integer | Class::Float | Class::Decimal) => {
            let not = Node(Kind::Not(of.clone().boxed()));
            let branches = vec![(of, Node(Kind::Literal(1))), (not, Node(Kind::Literal(0)))];
            Node(Kind::Case { branches, otherwise: None })
        }
        _ => of,
    };
    Node(Kind::Cast { of: of.boxed(), to })
}

fn class(ty: ColumnType) -> Class {
    match ty {
        ty if ty.is_integer() => Class::Integer,
        ty if ty.is_float() => Class::Float,
        ColumnType::Numeric => Class::Decimal,
        ColumnType::Bool => Class::Bool,
        _ => Class::Other,
    }
}
