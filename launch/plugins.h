#pragma once
// The methods and model families that this program is made of.
#include "core/run/session.h"

namespace filigree::launch {

train::Plugins make_plugins();

}  // namespace filigree::launch
