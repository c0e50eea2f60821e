#[derive(Debug)]
pub(crate) struct Group {}
#[derive(Debug)]
pub(crate) struct Egress {}
