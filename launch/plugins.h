#pragma once
// The methods and model families of this program.
#include "core/run/session.h"

namespace filigree::launch {

train::Plugins make_plugins();

}  // namespace filigree::launch
