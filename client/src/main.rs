//! The program `glarus`.
fn main() {}
