#include "command.hpp"

int main(int argc, char** argv) { return ridgeline::run_command(argc, argv); }
