// What pages gain where scripts run; each of them works without.

async function load(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

async function showCartCount(badge) {
  const { count } = await load(badge.dataset.cartCount);
  badge.textContent = count;
  badge.hidden = count === 0;
}

async function showStock(line) {
  const { pairs_left: left, text } = await load(line.dataset.stock);
  line.textContent = text;
  line.classList.toggle("stock-low", left < 10);
}

function card({ name, url, picture }) {
  const image = Object.assign(new Image(400, 400), { src: picture, alt: "", className: "picture" });
  const link = Object.assign(document.createElement("a"), { href: url, textContent: name });
  const title = document.createElement("h3");
  const place = Object.assign(document.createElement("li"), { className: "card" });
  title.append(link);
  place.append(image, title);
  return place;
}

async function showRecommendations(section) {
  const { recommendations } = await load(section.dataset.recommendations);
  section.querySelector("ul").append(...recommendations.map(card));
  section.hidden = false;
}

for (const [selector, show] of [
  ["[data-cart-count]", showCartCount],
  ["[data-stock]", showStock],
  ["[data-recommendations]", showRecommendations],
]) {
  // A part that cannot be loaded stays away; the page is complete without it.
  document.querySelectorAll(selector).forEach((element) => show(element).catch(console.warn));
}
