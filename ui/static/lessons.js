const picture = element.querySelector("svg");
picture.setAttribute("aria-label", picture.dataset[navigator.language.startsWith("ja") ? "ja" : "en"]);
