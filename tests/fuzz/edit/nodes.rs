//! A tree.

use anyorm_tests::Node;

use super::{Child, Edit, Side};
use crate::op::Op;
use crate::world::{NodeRow, pick};

impl Edit<'_> {
    pub(super) fn nodes(&mut self, op: Op) -> Option<bool> {
        match op {
            Op::AddNode { parent } => {
                // Some are roots.
                let parent = if parent % 3 == 0 { None } else { pick(&self.world.nodes, parent) };
                let link = parent.map(|parent| self.handles.nodes[parent]).into();
                let value = Node { name: "node".into(), parent: link, ..Node::default() };
                let at = self.handles.nodes.len();
                self.handles.nodes.push(self.session.add(value));
                self.world.nodes.insert(at, NodeRow { name: "node".into(), parent });
                if parent.is_some() {
                    self.take_side(Child::Node(at), Side::Field)?;
                }
            }
            Op::SetParent { node, parent } => {
                let (at, parent) = self.node_and_parent(node, parent, Side::Field)?;
                self.session[self.handles.nodes[at]].parent = self.handles.nodes[parent].into();
            }
            Op::PushNode { node, parent } => {
                let (at, parent) = self.node_and_parent(node, parent, Side::Collection)?;
                self.session[self.handles.nodes[parent]].children.push(self.handles.nodes[at]);
            }
            Op::TakeNode { node } => {
                let (at, parent) = self.node_of_parent(node, Side::Collection)?;
                self.session[self.handles.nodes[parent]].children.remove(self.handles.nodes[at]);
            }
            Op::LinkNode { node, parent, by_parent } => {
                let (at, parent) = self.node_and_parent(node, parent, Side::Both)?;
                let (node, parent) = (self.handles.nodes[at], self.handles.nodes[parent]);
                match by_parent {
                    true => self.session.link(parent, Node::CHILDREN, node),
                    false => self.session.link(node, Node::PARENT, parent),
                }
            }
            Op::UnlinkNode { node, by_parent } => {
                let (at, parent) = self.node_of_parent(node, Side::Both)?;
                let (node, parent) = (self.handles.nodes[at], self.handles.nodes[parent]);
                match by_parent {
                    true => self.session.unlink(parent, Node::CHILDREN, node),
                    false => self.session.unlink(node, Node::PARENT, parent),
                }
            }
            Op::DeleteNode { node } => {
                let at = pick(&self.world.nodes, node)?;
                let mut own = self.world.nodes.iter().filter(|(_, node)| node.parent == Some(at));
                if own.any(|(&node, _)| self.was_taken_in(Child::Node(node))) {
                    return None;
                }
                self.session.delete(self.handles.nodes[at]);
                self.world.nodes.remove(&at);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn node_and_parent(&mut self, node: u8, parent: u8, side: Side) -> Option<(usize, usize)> {
        let (at, parent) = (pick(&self.world.nodes, node)?, pick(&self.world.nodes, parent)?);
        self.take_side(Child::Node(at), side)?;
        self.world.nodes.get_mut(&at)?.parent = Some(parent);
        Some((at, parent))
    }

    /// A node that is to leave its parent.
    fn node_of_parent(&mut self, node: u8, side: Side) -> Option<(usize, usize)> {
        let at = pick(&self.world.nodes, node)?;
        let parent = self.world.nodes[&at].parent.filter(|parent| self.world.nodes.contains_key(parent))?;
        self.knows("node", at)?;
        self.take_side(Child::Node(at), side)?;
        self.world.nodes.get_mut(&at)?.parent = None;
        Some((at, parent))
    }
}
