#pragma once
// The methods and model families of this program.
#include "core/run/session.h"

namespace filigree::launch {

train::Registries make_registries();

}  // namespace filigree::launch
