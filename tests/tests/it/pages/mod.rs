//! What the pages in docs/ say is what the programs do.

mod completions;
mod docs;
mod makefile;
mod modules;
mod prose;
mod races_page;
mod recipes;
mod stability;
mod tutorials;
